/* What signals ask of the daemon: see signals.h. */
#include "daemon/control/signals.h"

#include <event2/event.h>
#include <signal.h>

#include "base/log.h"
#include "daemon/control/drain.h"
#include "daemon/control/hand_over.h"
#include "daemon/control/reload.h"
#include "daemon/control/server_internal.h"
#include "daemon/observe/exposition.h"

static const int signals[SERVER_SIGNALS] = { SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGUSR2 };

static void
log_line(void *arg, const char *line)
{
	(void)arg;
	log_notice("%s", line);
}

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	struct server *server = arg;
	const char *name = number == SIGTERM ? "SIGTERM" : "SIGINT";

	(void)what;
	if (number == SIGUSR1)
		exposition_each(server->census, log_line, NULL);
	else if (number == SIGUSR2)
		hand_over_tell(server);
	else if (number == SIGHUP && server->draining)
		log_notice("SIGHUP: no reload in a drain");
	else if (number == SIGHUP)
		reload(server);
	else if (server->draining)
		drain_cut(server, name);
	else
		drain_begin(server, name);
}

/* The one that means a hand-over. */
static void
mask(int how)
{
	sigset_t held;

	sigemptyset(&held);
	sigaddset(&held, SIGUSR2);
	pthread_sigmask(how, &held, NULL);
}

void
signals_hold(void)
{
	mask(SIG_BLOCK);
}

int
signals_watch(struct server *server)
{
	for (size_t i = 0; i < SERVER_SIGNALS; i++) {
		server->signals[i] = evsignal_new(server->base, signals[i], on_signal, server);
		if (server->signals[i] == NULL || event_add(server->signals[i], NULL) == -1)
			return -1;
	}
	mask(SIG_UNBLOCK);
	return 0;
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
