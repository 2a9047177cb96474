/* The way out: see drain.h. */
#include "daemon/control/drain.h"

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/plural.h"
#include "daemon/control/hand_over.h"
#include "daemon/control/restart.h"
#include "daemon/control/server_internal.h"
#include "daemon/observe/status_line.h"

/* How long before the end of a drain all connections are finished: ms. */
#define FINISH_BEFORE_END 5000

/* How long before its end the rest is aborted, so that the log has time too: ms at most. */
#define STOP_BEFORE_END 1500

static void
on_finish(evutil_socket_t fd, short what, void *arg)
{
	struct server *server = arg;

	(void)fd;
	(void)what;
	if (!restart_finish(server))
		workers_drain(server->workers, FINISH_ALL);
}

static void
on_stop(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	if (!restart_cut(arg))
		drain_cut(arg, "drain_timeout");
}

int
drain_make(struct server *server)
{
	server->drain_finish = evtimer_new(server->base, on_finish, server);
	server->drain_stop = evtimer_new(server->base, on_stop, server);
	return server->drain_finish != NULL && server->drain_stop != NULL ? 0 : -1;
}

void
drain_free(struct server *server)
{
	if (server->drain_finish != NULL)
		event_free(server->drain_finish);
	if (server->drain_stop != NULL)
		event_free(server->drain_stop);
}

/* Nobody new comes: what there is ends. */
static void
close_doors(struct server *server)
{
	server->draining = true;
	server->condition.is_draining = true;
	server->condition.drain_end = clock_ms() + server->config->drain_timeout * INT64_C(1000);
	listeners_close(server->listeners);
	/* Of those that stay after a hand-over each may still say whose it is: it has its time. */
	if (server->hand_over.is_over)
		preambles_resume(server->preambles);
	else
		preambles_drain(server->preambles);
	supervision_draining(server->supervision, server->config->drain_timeout);
}

void
drain_arm(struct server *server)
{
	const int most = server->config->drain_timeout * 1000;
	const int margin = most / 4 < STOP_BEFORE_END ? most / 4 : STOP_BEFORE_END;

	loop_set_timer(server->drain_finish, most > FINISH_BEFORE_END ? most - FINISH_BEFORE_END : 0);
	loop_set_timer(server->drain_stop, most - margin);
}

void
drain_disarm(struct server *server)
{
	event_del(server->drain_finish);
	event_del(server->drain_stop);
}

void
drain_begin(struct server *server, const char *signal)
{
	const int most = server->config->drain_timeout * 1000;
	char status[STATUS_LINE_SIZE];

	if (hand_over_give_up(server, "it was told to stop"))
		return;
	close_doors(server);
	if (server_is_empty(server)) {
		log_notice("%s: stopping, no connection is open", signal);
		server_end(server);
		return;
	}
	log_notice("%s: %s", signal, status_line_format_drain(server->admission.open, most, status));
	workers_drain(server->workers, DRAIN_ALL);
	drain_arm(server);
}

void
drain_cut(struct server *server, const char *signal)
{
	log_notice("%s: stopping now, %llu connection%s aborted", signal,
	    (unsigned long long)server->admission.open, plural(server->admission.open));
	server_end(server);
}
