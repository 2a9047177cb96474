/* A restart by hand that ends no connection: see hand_over.h. */
#include "daemon/control/hand_over.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/plural.h"
#include "daemon/control/drain.h"
#include "daemon/control/reload.h"
#include "daemon/control/server_internal.h"
#include "daemon/control/signals.h"
#include "daemon/handover/adopt.h"
#include "daemon/handover/give.h"
#include "daemon/handover/pack.h"
#include "daemon/handover/take.h"
#include "daemon/listen/paths/unix_place.h"
#include "daemon/process/descriptors.h"

/* What the place where a successor asks is called. */
#define NAME "take_over"

/* Of its file: who else could ask is turned away all the same. */
#define MODE 0600

/* How many may wait there: one takes over, the others are refused. */
#define BACKLOG 8

static_assert((int)HISTORY_ROW_COUNT <= PARCEL_SAMPLE_NUMBERS, "a sample has room for each row");

static struct rooms
rooms_of(struct server *server)
{
	return (struct rooms){
		.workers = server->workers,
		.crowds = server->crowds,
		.census = server->census,
		.admission = &server->admission,
		.preambles = server->preambles,
		.listeners = server->listeners,
	};
}

/* --- packing ---------------------------------------------------------------------------- */

/* For free(), or NULL with errno. */
static char *
dump_of(const struct config *config)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int result;

	if (out == NULL)
		return NULL;
	result = config_dump(config, out);
	if (fclose(out) == 0 && result == 0)
		return text;
	free(text);
	errno = ENOMEM;
	return NULL;
}

static int
pack_service(struct packing *packing, const struct server *server, const char *configuration)
{
	const struct parcel_item item = {
		.kind = PARCEL_SERVICE,
		.service = {
			.version = PACKAGE_VERSION,
			.started = server->condition.service_started,
			.packed = clock_ms(),
			.configuration = configuration,
		},
	};

	return packing_put(packing, &item, -1);
}

/* Where successors ask: so one that has it and fails keeps nobody from the next try. */
static int
pack_door(struct packing *packing, const struct server *server)
{
	const struct hand_over *hand_over = &server->hand_over;
	const struct parcel_item listener = {
		.kind = PARCEL_LISTENER,
		.listener = {
			.role = PACKED_TAKE_OVER, .name = NAME, .protocol = protocol_of_paths(),
			.place = server->config->take_over.path, .mode = MODE, .owner = "",
			.group = "", .greeting = "",
		},
	};
	struct parcel_item socket = { .kind = PARCEL_SOCKET };

	unix_place_pack(hand_over->place, &socket.socket);
	if (packing_put(packing, &listener, -1) == -1)
		return -1;
	return packing_put(packing, &socket, hand_over->fd);
}

static int
pack_history(struct packing *packing, const struct history *history)
{
	for (size_t back = history != NULL ? history_count(history) : 0; back-- > 0;) {
		const struct sample *sample = history_get(history, back);
		struct parcel_item item = {
			.kind = PARCEL_SAMPLE,
			.sample = { .at = sample->at, .count = HISTORY_ROW_COUNT },
		};

		memcpy(item.sample.numbers, sample->numbers, sizeof(sample->numbers));
		if (packing_put(packing, &item, -1) == -1)
			return -1;
	}
	return 0;
}

static int
pack_sockets(struct packing *packing, struct server *server)
{
	const struct packed_visitor visitor = pack_visitor(packing);

	if (pack_service(packing, server, "") == -1 || pack_door(packing, server) == -1 ||
	    pack_listeners(packing, server->listeners) == -1 ||
	    inherited_pack(server->inherited, &visitor) == -1)
		return -1;
	return http_listeners_pack(server->http_listeners, &visitor);
}

static int
pack_rest(struct packing *packing, struct server *server)
{
	const struct rooms rooms = rooms_of(server);

	if (pack_service(packing, server, server->hand_over.configuration) == -1 ||
	    pack_all(packing, &rooms) == -1)
		return -1;
	return pack_history(packing, server->history);
}

/* --- what happens to the one that serves ------------------------------------------------- */

static const char *
why_not(void *owner)
{
	const struct server *server = owner;

	return server->draining ? "it is stopping" : NULL;
}

static int
fly(const struct flight *flight, struct server *server,
    int (*pack)(struct packing *packing, struct server *server))
{
	struct packing packing;

	if (packing_begin(&packing, flight) == -1)
		return -1;
	if (pack(&packing, server) == 0)
		return packing_send(&packing);
	packing_drop(&packing);
	return -1;
}

static void
forget_configuration(struct hand_over *hand_over)
{
	free(hand_over->configuration);
	hand_over->configuration = NULL;
}

/* A reload gives the successor up: this is what will be in force. */
static int
on_show(void *owner, const struct flight *flight)
{
	struct server *server = owner;

	server->hand_over.configuration = dump_of(server->config);
	return server->hand_over.configuration != NULL ? fly(flight, server, pack_sockets) : -1;
}

static void
on_halt(void *owner)
{
	struct server *server = owner;

	server->hand_over.is_halted = true;
	listeners_pause(server->listeners);
	preambles_pause(server->preambles);
}

static int
on_pack(void *owner, const struct flight *flight)
{
	return fly(flight, owner, pack_rest);
}

static void
on_go_on(void *owner)
{
	struct server *server = owner;

	server->hand_over.is_halted = false;
	preambles_resume(server->preambles);
	listeners_resume(server->listeners);
}

static void
on_failed(void *owner, const char *why)
{
	struct server *server = owner;

	forget_configuration(&server->hand_over);
	server->hand_overs.failed++;
	log_error("hand-over failed: %s; all goes on as it was", why);
}

/* Who had asked how it does is answered to the end. */
static void
on_http_emptied(void *owner)
{
	struct server *server = owner;

	if (server_is_empty(server))
		server_end(server);
}

/* What has travelled is the successor's: here it is closed, and nothing else is done to it. */
static void
let_go(struct server *server)
{
	const struct rooms rooms = rooms_of(server);
	struct hand_over *hand_over = &server->hand_over;

	rooms_let_go(&rooms);
	http_listeners_let_go(server->http_listeners);
	give_stop(hand_over->give);
	unix_place_let_go(hand_over->place);
	hand_over->place = NULL;
}

static void
on_gone(void *owner, int64_t stood)
{
	struct server *server = owner;
	const uint64_t before = server->admission.open;
	uint64_t handed;

	forget_configuration(&server->hand_over);
	let_go(server);
	handed = before - server->admission.open;
	server->hand_over.is_halted = false;
	server->hand_over.is_over = true;
	server->hand_overs.succeeded++;
	log_notice("handed over %llu connection%s in %lld ms", (unsigned long long)handed,
	    plural(handed), (long long)stood);
	http_server_watch(server->http, on_http_emptied, server);
	drain_begin(server, "hand-over");
}

bool
hand_over_give_up(struct server *server, const char *why)
{
	return server->hand_over.give != NULL && give_up(server->hand_over.give, why);
}

void
hand_over_tell(const struct server *server)
{
	const struct give *give = server->hand_over.give;

	if (server->draining)
		log_notice("SIGUSR2: no hand-over in a drain");
	else if (give == NULL)
		log_warning("SIGUSR2: nobody can take over: take_over.path names no socket");
	else if (give_successor(give) != 0)
		log_notice("SIGUSR2: the successor takes over once it is ready");
	else
		log_warning("SIGUSR2: there is no successor: start one with --take-over");
}

/* --- the place where a successor asks ----------------------------------------------------- */

static bool
bind_door(struct server *server, const char *path, struct faults *faults)
{
	const struct unix_dress dress = { MODE, (uid_t)-1, (gid_t)-1 };
	struct hand_over *hand_over = &server->hand_over;
	const char *why = NULL;

	hand_over->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (hand_over->fd != -1)
		hand_over->place = unix_place_bind(hand_over->fd, path, &dress, BACKLOG, &why);
	if (hand_over->place != NULL)
		return true;
	faults_add(faults, "cannot listen at %s (" NAME "): %s%s%s", path, why != NULL ? why : "",
	    why != NULL ? ": " : "", strerror(errno));
	return false;
}

static bool
open_door(struct server *server, const char *path, struct faults *faults)
{
	static const struct giver calls = {
		.why_not = why_not, .show = on_show, .halt = on_halt, .pack = on_pack,
		.go_on = on_go_on, .gone = on_gone, .failed = on_failed,
	};
	struct hand_over *hand_over = &server->hand_over;
	struct giver giver = calls;

	/* One that was carried is there already, unless its file is gone, or another's. */
	if (hand_over->place == NULL && !bind_door(server, path, faults))
		return false;
	giver.owner = server;
	hand_over->give = give_new(server->base, hand_over->fd, server->workers, &giver);
	if (hand_over->give == NULL)
		faults_add(faults, "cannot make " NAME ": %s", strerror(ENOMEM));
	return hand_over->give != NULL;
}

/* It is the start's: a reload neither opens nor closes it. */
bool
hand_over_prepare(struct server *server, const struct config *config, struct faults *faults)
{
	struct endpoint_view endpoint;

	if (server->config != NULL || !config_take_over_endpoint(config, &endpoint) ||
	    open_door(server, endpoint.host, faults))
		return true;
	hand_over_roll_back(server);
	return false;
}

void
hand_over_commit(struct server *server, const struct config *config)
{
	struct hand_over *hand_over = &server->hand_over;

	if (server->config != NULL || hand_over->give == NULL)
		return;
	unix_place_settle(hand_over->place);
	if (give_serve(hand_over->give) == -1)
		log_error("cannot listen at %s (" NAME "): %s", config->take_over.path, strerror(errno));
	else
		log_notice("listening on unix:%s (" NAME ")", config->take_over.path);
}

static void
close_door(struct hand_over *hand_over)
{
	give_free(hand_over->give);
	hand_over->give = NULL;
	forget_configuration(hand_over);
	unix_place_release(hand_over->place);
	hand_over->place = NULL;
	if (hand_over->fd != -1)
		close(hand_over->fd);
	hand_over->fd = -1;
}

void
hand_over_roll_back(struct server *server)
{
	if (server->config == NULL)
		close_door(&server->hand_over);
}

void
hand_over_free(struct server *server)
{
	close_door(&server->hand_over);
	adoption_free(server->hand_over.adoption);
	take_free(server->hand_over.take);
}

/* --- the successor ---------------------------------------------------------------------- */

struct door {
	struct hand_over *hand_over;
	const char *path; /* where successors of this process are to ask */
};

/* Where successors of the other one ask is where those of this one do, if that is still there. */
static bool
keep_door(void *arg, const struct packed_listener *packed, const struct packed_socket *sockets,
    const int *fds, size_t count, struct faults *faults)
{
	const struct door *door = arg;
	struct hand_over *hand_over = door->hand_over;
	struct unix_place *place = NULL;

	(void)faults;
	if (hand_over->place == NULL && strcmp(packed->place, door->path) == 0)
		place = unix_place_adopt(door->path, &sockets[0]);
	if (place != NULL && unix_place_is_there(place)) {
		hand_over->place = place;
		hand_over->fd = fds[0];
	} else {
		unix_place_release(place);
		close(fds[0]);
	}
	for (size_t i = 1; i < count; i++)
		close(fds[i]);
	return true;
}

static bool
add_inherited(void *arg, const struct packed_listener *packed, const struct packed_socket *sockets,
    const int *fds, size_t count, struct faults *faults)
{
	bool is_whole = true;

	(void)sockets;
	for (size_t i = 0; i < count; i++)
		is_whole = inherited_add(arg, fds[i], packed->name, faults) && is_whole;
	return is_whole;
}

/* What a service manager gave the other one this one has from there. */
static bool
take_beforehand(struct server *server, const char *path)
{
	struct door door = { &server->hand_over, path };
	struct cargo *cargo = take_sockets(server->hand_over.take);
	struct faults *faults = faults_new();
	const bool is_whole = faults != NULL &&
	    adopt_listeners(cargo, PACKED_TAKE_OVER, keep_door, &door, faults) &&
	    adopt_listeners(cargo, PACKED_INHERITED, add_inherited, server->inherited, faults);

	if (faults == NULL)
		log_error("cannot take over: %s", strerror(errno));
	else
		reload_log_faults(faults);
	faults_free(faults);
	return is_whole;
}

int
hand_over_ask(struct server *server, const struct config *config)
{
	descriptors_allow_all();
	server->hand_over.take = take_begin(config->take_over.path);
	if (server->hand_over.take == NULL)
		return -1;
	return take_beforehand(server, config->take_over.path) ? 0 : -1;
}

static bool
adopt_listener(void *arg, const struct packed_listener *packed, const struct packed_socket *sockets,
    const int *fds, size_t count, struct faults *faults)
{
	return listeners_adopt(arg, packed, sockets, fds, count, faults);
}

bool
hand_over_adopt_listeners(struct server *server, struct faults *faults)
{
	return server->hand_over.take == NULL || adopt_listeners(take_sockets(server->hand_over.take),
	    PACKED_ECHO, adopt_listener, server->listeners, faults);
}

static bool
adopt_http_listener(void *arg, const struct packed_listener *packed,
    const struct packed_socket *sockets, const int *fds, size_t count, struct faults *faults)
{
	return http_listeners_adopt(arg, packed, sockets, fds, count, faults);
}

bool
hand_over_adopt_http_listeners(struct server *server, struct faults *faults)
{
	return server->hand_over.take == NULL || adopt_listeners(take_sockets(server->hand_over.take),
	    PACKED_OBSERVE, adopt_http_listener, server->http_listeners, faults);
}

int
hand_over_take(struct server *server)
{
	struct hand_over *hand_over = &server->hand_over;
	const struct rooms rooms = rooms_of(server);

	if (hand_over->take == NULL)
		return 0;
	if (take_all(hand_over->take, &hand_over->cargo) == -1)
		return -1;
	if (hand_over->cargo == NULL)
		return 0;
	hand_over->adoption = adoption_new(hand_over->cargo, &rooms);
	if (hand_over->adoption == NULL) {
		log_error("cannot take over from pid %d: %s", take_from(hand_over->take),
		    strerror(errno));
		return -1;
	}
	signals_hold_ends();
	return take_commit(hand_over->take) ? 0 : -1;
}

/* What the service remembers; of another echod's history that which both keep. */
static void
adopt_memory(struct server *server, struct parcel *parcel)
{
	struct parcel_item item;
	size_t descriptor;

	if (server->history != NULL)
		history_clear(server->history);
	parcel_rewind(parcel);
	while (parcel_next(parcel, &item, &descriptor)) {
		if (item.kind == PARCEL_SERVICE)
			server->condition.service_started = (time_t)item.service.started;
		else if (item.kind == PARCEL_SAMPLE && server->history != NULL &&
		    item.sample.count == HISTORY_ROW_COUNT)
			history_add(server->history, item.sample.at, item.sample.numbers);
	}
	if (server->history != NULL)
		history_resume(server->history);
}

void
hand_over_adopt(struct server *server)
{
	struct hand_over *hand_over = &server->hand_over;

	if (hand_over->adoption != NULL) {
		adoption_commit(hand_over->adoption);
		hand_over->adoption = NULL;
		summary_skip(server->summary);
		adopt_memory(server, &hand_over->cargo->parcel);
		server->hand_overs.succeeded++;
		log_notice("took over %llu connection%s from pid %d",
		    (unsigned long long)server->admission.open, plural(server->admission.open),
		    take_from(hand_over->take));
	}
	if (hand_over->take != NULL && signals_watch_ends(server) == -1)
		log_error("cannot watch for SIGTERM: %s", strerror(errno));
	take_free(hand_over->take);
	hand_over->take = NULL;
}
