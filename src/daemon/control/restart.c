/* A restart by the service manager: see restart.h. */
#include "daemon/control/restart.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/plural.h"
#include "daemon/control/drain.h"
#include "daemon/control/hand_over.h"
#include "daemon/control/server_internal.h"
#include "daemon/handover/deposit.h"

/* --- the parcel --------------------------------------------------------------------------- */

static int
on_keep(void *owner, int parcel, int mark)
{
	struct server *server = owner;

	return supervision_keep(server->supervision, parcel, mark);
}

static void
on_kept(void *owner, int64_t stood)
{
	struct server *server = owner;

	server->restart.is_under_way = false;
	hand_over_gone(server, stood);
}

/* Whoever wanted a restart still has one, as it was without a parcel. */
static void
on_failed(void *owner, const char *why)
{
	struct server *server = owner;

	server->hand_overs.failed++;
	log_error("hand-over failed: %s", why);
	server->restart.is_under_way = false;
	http_listeners_resume(server->http_listeners);
	drain_begin(server, "restart");
}

void
restart_make(struct server *server)
{
	const struct depositor depositor = {
		.halt = hand_over_halt, .pack = hand_over_pack_whole, .keep = on_keep,
		.go_on = hand_over_go_on, .kept = on_kept, .failed = on_failed, .owner = server,
	};

	if (!supervision_has_manager(server->supervision))
		return;
	server->restart.deposit = deposit_new(server->base, server->workers, &depositor);
	if (server->restart.deposit == NULL)
		log_warning("a restart will end all connections: %s", strerror(errno));
}

void
restart_free(struct server *server)
{
	deposit_free(server->restart.deposit);
}

/* --- what ends first ------------------------------------------------------------------------ */

static void
on_http_emptied(void *owner)
{
	restart_look(owner);
}

/* Who asks how it does is answered until nobody does; then he waits for the next process. */
void
restart_look(struct server *server)
{
	struct restart *restart = &server->restart;

	if (!restart->is_under_way || restart->is_ready || server->admission.tied > 0)
		return;
	if (http_server_open(server->http) > 0 && !restart->is_cut) {
		http_server_watch(server->http, on_http_emptied, server);
		return;
	}
	http_listeners_pause(server->http_listeners);
	restart->is_ready = true;
	drain_disarm(server);
	if (restart->deposit == NULL || hand_over_keep_configuration(server) == -1)
		on_failed(server, strerror(ENOMEM));
	else
		deposit_begin(restart->deposit);
}

void
restart_begin(struct server *server)
{
	const unsigned long long tied = server->admission.tied;
	const int most = server->config->drain_timeout;

	if (server->restart.is_under_way) {
		log_notice("SIGUSR2: the hand-over is under way");
		return;
	}
	/* The manager waits for this one to end: whoever only makes ready must not keep it. */
	if (hand_over_give_up(server, "the service manager restarts it"))
		return;
	server->restart.is_under_way = true;
	server->restart.is_wanted = true;
	listeners_hold(server->listeners, CARRIES_TLS);
	if (tied > 0) {
		log_notice("SIGUSR2: %llu TLS connection%s end%s before the hand-over, within %d "
		    "second%s", tied, plural(tied), tied == 1 ? "s" : "", most,
		    plural((uint64_t)most));
		workers_drain(server->workers, DRAIN_TIED);
	}
	drain_arm(server);
	supervision_handing_over(server->supervision, most);
	restart_look(server);
}

bool
restart_finish(struct server *server)
{
	if (!server->restart.is_under_way)
		return false;
	workers_drain(server->workers, FINISH_TIED);
	return true;
}

bool
restart_cut(struct server *server)
{
	const unsigned long long tied = server->admission.tied;

	if (!server->restart.is_under_way)
		return false;
	server->restart.is_cut = true;
	if (tied > 0) {
		log_notice("drain_timeout: %llu TLS connection%s aborted", tied, plural(tied));
		workers_drain(server->workers, ABORT_TIED);
	}
	restart_look(server);
	return true;
}

/* --- its end ---------------------------------------------------------------------------------- */

void
restart_give_up(struct server *server)
{
	struct restart *restart = &server->restart;

	restart->is_wanted = false;
	if (!restart->is_under_way)
		return;
	restart->is_under_way = false;
	if (restart->deposit != NULL)
		deposit_give_up(restart->deposit);
	http_listeners_resume(server->http_listeners);
}

/* EX_TEMPFAIL: the unit has it start another one, and keep what there is for that. */
int
restart_status(const struct server *server)
{
	return server->restart.is_wanted ? EX_TEMPFAIL : EXIT_SUCCESS;
}
