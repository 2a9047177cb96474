/* What signals ask of the daemon: see signals.h. */
#include "daemon/control/signals.h"

#include <event2/event.h>
#include <signal.h>

#include "base/log.h"
#include "daemon/control/drain.h"
#include "daemon/control/hand_over.h"
#include "daemon/control/reload.h"
#include "daemon/control/restart.h"
#include "daemon/control/server_internal.h"
#include "daemon/observe/exposition.h"

static const int signals[SERVER_SIGNALS] = { SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT };
#define SERVER_ENDS 2 /* the last ones */

static const int hand_over = SIGUSR2;
static const int *const ends = &signals[SERVER_SIGNALS - SERVER_ENDS];

static void
log_line(void *arg, const char *line)
{
	(void)arg;
	log_notice("%s", line);
}

static void
end(struct server *server, const char *name)
{
	restart_give_up(server);
	if (server->draining)
		drain_cut(server, name);
	else
		drain_begin(server, name);
}

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	struct server *server = arg;

	(void)what;
	if (number == SIGUSR1)
		exposition_each(server->census, log_line, NULL);
	else if (number == SIGUSR2)
		hand_over_tell(server);
	else if (number == SIGHUP && server->draining)
		log_notice("SIGHUP: no reload in a drain");
	else if (number == SIGHUP && server->restart.is_under_way)
		log_notice("SIGHUP: no reload in a restart: the next process reads the configuration");
	else if (number == SIGHUP)
		reload(server);
	else
		end(server, number == SIGTERM ? "SIGTERM" : "SIGINT");
}

static void
mask(int how, const int *numbers, size_t count)
{
	sigset_t held;

	sigemptyset(&held);
	for (size_t i = 0; i < count; i++)
		sigaddset(&held, numbers[i]);
	pthread_sigmask(how, &held, NULL);
}

void
signals_hold(void)
{
	mask(SIG_BLOCK, &hand_over, 1);
}

/* Watches from `first` to before `end`.  Returns 0, or -1 with errno. */
static int
watch(struct server *server, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		server->signals[i] = evsignal_new(server->base, signals[i], on_signal, server);
		if (server->signals[i] == NULL || event_add(server->signals[i], NULL) == -1)
			return -1;
	}
	return 0;
}

int
signals_watch(struct server *server)
{
	if (watch(server, 0, SERVER_SIGNALS - SERVER_ENDS) == -1)
		return -1;
	mask(SIG_UNBLOCK, &hand_over, 1);
	return 0;
}

void
signals_hold_ends(void)
{
	mask(SIG_BLOCK, ends, SERVER_ENDS);
}

int
signals_watch_ends(struct server *server)
{
	const int result = watch(server, SERVER_SIGNALS - SERVER_ENDS, SERVER_SIGNALS);

	mask(SIG_UNBLOCK, ends, SERVER_ENDS);
	return result;
}

void
signals_free(struct server *server)
{
	for (size_t i = 0; i < SERVER_SIGNALS; i++)
		if (server->signals[i] != NULL)
			event_free(server->signals[i]);
}

void
signals_block(void)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
}
