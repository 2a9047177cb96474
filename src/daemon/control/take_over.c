/* The successor, as it takes over: see take_over.h. */
#include "daemon/control/take_over.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/plural.h"
#include "daemon/control/hand_over.h"
#include "daemon/control/reload.h"
#include "daemon/control/server_internal.h"
#include "daemon/control/signals.h"
#include "daemon/handover/adopt.h"
#include "daemon/handover/kept.h"
#include "daemon/handover/take.h"
#include "daemon/listen/paths/unix_place.h"
#include "daemon/process/descriptors.h"
#include "daemon/process/sandbox.h"

/* --- what listens ------------------------------------------------------------------------- */

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
	struct unix_place *place = unix_place_adopt(packed->place, &sockets[0]);

	(void)faults;
	if (place != NULL && unix_place_is_there(place) && strcmp(packed->place, door->path) == 0) {
		hand_over->place = place;
		hand_over->fd = fds[0];
	} else {
		hand_over->left = place;
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
	struct cargo *cargo = server->hand_over.sockets;
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
take_over_ask(struct server *server, const struct config *config)
{
	struct hand_over *hand_over = &server->hand_over;

	descriptors_allow_all();
	hand_over->take = take_begin(config->take_over.path);
	if (hand_over->take == NULL)
		return -1;
	hand_over->sockets = take_sockets(hand_over->take);
	return take_beforehand(server, config->take_over.path) ? 0 : -1;
}

int
take_over_find(struct server *server, const struct config *config)
{
	struct hand_over *hand_over = &server->hand_over;

	if (hand_over->kept->receiving == -1)
		return 0;
	hand_over->sockets = &hand_over->kept->cargo;
	hand_over->cargo = hand_over->sockets;
	return take_beforehand(server, config->take_over.path) ? 0 : -1;
}

static bool
adopt_listener(void *arg, const struct packed_listener *packed, const struct packed_socket *sockets,
    const int *fds, size_t count, struct faults *faults)
{
	return listeners_adopt(arg, packed, sockets, fds, count, faults);
}

bool
take_over_listeners(struct server *server, struct faults *faults)
{
	return server->hand_over.sockets == NULL || adopt_listeners(server->hand_over.sockets,
	    PACKED_ECHO, adopt_listener, server->listeners, faults);
}

static bool
adopt_http_listener(void *arg, const struct packed_listener *packed,
    const struct packed_socket *sockets, const int *fds, size_t count, struct faults *faults)
{
	return http_listeners_adopt(arg, packed, sockets, fds, count, faults);
}

bool
take_over_http_listeners(struct server *server, struct faults *faults)
{
	return server->hand_over.sockets == NULL || adopt_listeners(server->hand_over.sockets,
	    PACKED_OBSERVE, adopt_http_listener, server->http_listeners, faults);
}

/* Whom it takes over from. */
#define FROM_SIZE 32
static const char *
format_from(const struct hand_over *hand_over, char text[FROM_SIZE])
{
	if (hand_over->take == NULL)
		return "the service manager";
	snprintf(text, FROM_SIZE, "pid %d", take_from(hand_over->take));
	return text;
}

/* Returns false after an error in the log. */
static bool
commit(const struct hand_over *hand_over)
{
	if (hand_over->take != NULL)
		return take_commit(hand_over->take);
	if (kept_take(hand_over->kept))
		return true;
	log_error("cannot take over from the service manager: its parcel was taken back");
	return false;
}

int
take_over_make(struct server *server)
{
	struct hand_over *hand_over = &server->hand_over;
	const struct rooms rooms = hand_over_rooms(server);
	char from[FROM_SIZE];

	if (hand_over->take != NULL && take_all(hand_over->take, &hand_over->cargo) == -1)
		return -1;
	if (hand_over->cargo == NULL)
		return 0;
	hand_over->adoption = adoption_new(hand_over->cargo, &rooms);
	if (hand_over->adoption == NULL) {
		log_error("cannot take over from %s: %s", format_from(hand_over, from),
		    strerror(errno));
		return -1;
	}
	signals_hold_ends();
	return commit(hand_over) ? 0 : -1;
}

/* What the service remembers; of another echod's history that which both keep.  Returns when it was
 * packed: clock_ms(). */
static int64_t
adopt_memory(struct server *server, struct parcel *parcel)
{
	struct parcel_item item;
	int64_t packed = 0;
	size_t descriptor;

	if (server->history != NULL)
		history_clear(server->history);
	parcel_rewind(parcel);
	while (parcel_next(parcel, &item, &descriptor)) {
		if (item.kind == PARCEL_SERVICE) {
			server->condition.service_started = (time_t)item.service.started;
			packed = item.service.packed;
		} else if (item.kind == PARCEL_SAMPLE && server->history != NULL &&
		    item.sample.count == HISTORY_ROW_COUNT) {
			history_add(server->history, item.sample.at, item.sample.numbers);
		}
	}
	if (server->history != NULL)
		history_resume(server->history);
	return packed;
}

/* Whether nobody was served, and for how long, the one who packed a parcel cannot tell. */
static void
tell_adopted(const struct server *server, int64_t packed)
{
	const struct hand_over *hand_over = &server->hand_over;
	const unsigned long long open = server->admission.open;
	char from[FROM_SIZE];

	if (hand_over->take != NULL)
		log_notice("took over %llu connection%s from %s", open, plural(open),
		    format_from(hand_over, from));
	else
		log_notice("took over %llu connection%s from the service manager, unserved for %lld ms",
		    open, plural(open), (long long)(clock_ms() - packed));
}

/* What is settled goes with its file. */
static void
leave_door(struct hand_over *hand_over)
{
	if (hand_over->left != NULL && !sandbox_allows_files())
		log_notice("the file of the former take_over.path is left: the sandbox lets none be removed");
	else
		unix_place_settle(hand_over->left);
	unix_place_release(hand_over->left);
	hand_over->left = NULL;
}

void
take_over_go_on(struct server *server)
{
	struct hand_over *hand_over = &server->hand_over;

	if (hand_over->adoption != NULL) {
		adoption_commit(hand_over->adoption);
		hand_over->adoption = NULL;
		summary_skip(server->summary);
		server->hand_overs.succeeded++;
		tell_adopted(server, adopt_memory(server, &hand_over->cargo->parcel));
	}
	if (hand_over->sockets != NULL && signals_watch_ends(server) == -1)
		log_error("cannot watch for SIGTERM: %s", strerror(errno));
	if (hand_over->kept != NULL) {
		supervision_taken(server->supervision);
		kept_free(hand_over->kept);
	}
	leave_door(hand_over);
	take_free(hand_over->take);
	hand_over->take = NULL;
	hand_over->sockets = NULL;
	hand_over->cargo = NULL;
}

void
take_over_free(struct server *server)
{
	struct hand_over *hand_over = &server->hand_over;

	adoption_free(hand_over->adoption);
	take_free(hand_over->take);
	unix_place_release(hand_over->left);
}
