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
#include "daemon/control/restart.h"
#include "daemon/control/server_internal.h"
#include "daemon/handover/give.h"
#include "daemon/handover/pack.h"
#include "daemon/listen/paths/unix_place.h"

/* What the place where a successor asks is called. */
#define NAME "take_over"

/* Of its file: who else could ask is turned away all the same. */
#define MODE 0600

/* How many may wait there: one takes over, the others are refused. */
#define BACKLOG 8

static_assert((int)HISTORY_ROW_COUNT <= PARCEL_SAMPLE_NUMBERS, "a sample has room for each row");

struct rooms
hand_over_rooms(struct server *server)
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

/* What listens, but for what is the service manager's. */
static int
pack_own_sockets(struct packing *packing, const struct server *server)
{
	const struct packed_visitor visitor = pack_visitor(packing);

	if ((server->hand_over.give != NULL && pack_door(packing, server) == -1) ||
	    pack_listeners(packing, server->listeners) == -1)
		return -1;
	return http_listeners_pack(server->http_listeners, &visitor);
}

static int
pack_rooms(struct packing *packing, struct server *server)
{
	const struct rooms rooms = hand_over_rooms(server);

	if (pack_all(packing, &rooms) == -1)
		return -1;
	return pack_history(packing, server->history);
}

static int
pack_sockets(struct packing *packing, struct server *server)
{
	const struct packed_visitor visitor = pack_visitor(packing);

	if (pack_service(packing, server, "") == -1 || pack_own_sockets(packing, server) == -1)
		return -1;
	return inherited_pack(server->inherited, &visitor);
}

static int
pack_rest(struct packing *packing, struct server *server)
{
	if (pack_service(packing, server, server->hand_over.configuration) == -1)
		return -1;
	return pack_rooms(packing, server);
}

/* In one parcel; what the service manager passed it will pass again. */
static int
pack_whole(struct packing *packing, struct server *server)
{
	if (pack_service(packing, server, server->hand_over.configuration) == -1 ||
	    pack_own_sockets(packing, server) == -1)
		return -1;
	return pack_rooms(packing, server);
}

/* --- what happens to the one that serves ------------------------------------------------- */

static const char *
why_not(void *owner)
{
	const struct server *server = owner;

	return server->draining ? "it is stopping"
	    : server->restart.is_under_way ? "the service manager restarts it" : NULL;
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

int
hand_over_keep_configuration(struct server *server)
{
	forget_configuration(&server->hand_over);
	server->hand_over.configuration = dump_of(server->config);
	return server->hand_over.configuration != NULL ? 0 : -1;
}

/* A reload gives the successor up: this is what will be in force. */
static int
on_show(void *owner, const struct flight *flight)
{
	return hand_over_keep_configuration(owner) == 0 ? fly(flight, owner, pack_sockets) : -1;
}

void
hand_over_halt(void *owner)
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

int
hand_over_pack_whole(void *owner, const struct flight *flight)
{
	return fly(flight, owner, pack_whole);
}

void
hand_over_go_on(void *owner)
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
	const struct rooms rooms = hand_over_rooms(server);
	struct hand_over *hand_over = &server->hand_over;

	rooms_let_go(&rooms);
	http_listeners_let_go(server->http_listeners);
	if (hand_over->give != NULL)
		give_stop(hand_over->give);
	unix_place_let_go(hand_over->place);
	hand_over->place = NULL;
}

void
hand_over_gone(void *owner, int64_t stood)
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
hand_over_tell(struct server *server)
{
	const struct give *give = server->hand_over.give;

	if (server->draining)
		log_notice("SIGUSR2: no hand-over in a drain");
	else if (supervision_has_manager(server->supervision))
		restart_begin(server);
	else if (give != NULL && give_successor(give) != 0)
		log_notice("SIGUSR2: the successor takes over once it is ready");
	else if (give == NULL)
		log_warning("SIGUSR2: nobody can take over: take_over.path names no socket");
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
		.why_not = why_not, .show = on_show, .halt = hand_over_halt, .pack = on_pack,
		.go_on = hand_over_go_on, .gone = hand_over_gone, .failed = on_failed,
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
}
