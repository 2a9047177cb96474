/* The running daemon: see server.h. */
#include "daemon/control/server.h"

#include <errno.h>
#include <event2/event.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/control/supervision.h"
#include "daemon/datagram/guard.h"
#include "daemon/listen/listeners.h"
#include "daemon/observe/series.h"
#include "daemon/process/descriptors.h"
#include "daemon/process/privileges.h"
#include "daemon/process/sandbox.h"
#include "daemon/threads/workers.h"

/* How long before the end of a drain all connections are finished: ms. */
#define FINISH_BEFORE_END 5000

/* How long before its end the rest is aborted, so that the log has time too: ms at most. */
#define STOP_BEFORE_END 1500

static const int signals[] = { SIGHUP, SIGTERM, SIGINT, SIGUSR1 };
#define SIGNAL_COUNT (sizeof(signals) / sizeof(signals[0]))

struct server {
	struct config *config;
	const struct config_source *source;
	const struct inherited *inherited;
	struct event_base *base;
	struct inbox *inbox; /* where closed connections come home */
	struct workers *workers;
	struct census *census;
	struct census_room room;
	struct admission admission;
	struct guard *guard;
	struct listeners *listeners;
	struct supervision *supervision;
	struct event *signal_events[SIGNAL_COUNT];
	struct event *drain_finish, *drain_stop;
	bool draining;
	uint64_t reloads_succeeded, reloads_failed;
	time_t started;
};

/* --- what there is to count ---------------------------------------------------------- */

static uint64_t
read_build(const void *of, size_t index)
{
	(void)of;
	(void)index;
	return 1;
}

static uint64_t
read_started(const void *of, size_t index)
{
	const struct server *server = of;

	(void)index;
	return (uint64_t)server->started;
}

static uint64_t
read_reloads(const void *of, size_t index)
{
	const struct server *server = of;

	return index == 0 ? server->reloads_succeeded : server->reloads_failed;
}

static uint64_t
read_suppressed(const void *of, size_t index)
{
	(void)of;
	(void)index;
	return log_suppressed();
}

static const char *const versions[] = { PACKAGE_VERSION };
static const char *const results[] = { "success", "failure" };

static const struct census_row rows[] = {
	{ { "echod_build_info", "Always 1.", FAMILY_GAUGE, "version", versions, 1 }, read_build },
	{ { "echod_start_time_seconds", "When echod started, in seconds since 1970.", FAMILY_GAUGE,
	      NULL, NULL, 1 }, read_started },
	{ { "echod_reloads_total", "Reloads.", FAMILY_COUNTER, "result", results, 2 }, read_reloads },
	{ { "echod_log_messages_suppressed_total", "Messages that the log had no room for.",
	      FAMILY_COUNTER, NULL, NULL, 1 }, read_suppressed },
};

static int
make_census(struct server *server)
{
	server->census = census_new(workers_count(server->workers));
	if (server->census == NULL)
		return -1;
	server->room.rows = rows;
	server->room.count = sizeof(rows) / sizeof(rows[0]);
	server->room.of = server;
	census_register(server->census, &server->room);
	return 0;
}

/* --- what comes home from the workers --------------------------------------------- */

static void
end(struct server *server)
{
	event_base_loopbreak(server->base);
}

static void
on_conn_closed(void *owner, struct letter *letter)
{
	struct server *server = owner;

	admission_settle(&server->admission, conn_from_letter(letter));
	if (!server->draining)
		listeners_resume(server->listeners);
	else if (server->admission.open == 0)
		end(server);
}

static void
on_socket_closed(void *owner, struct letter *letter)
{
	(void)owner;
	datagram_socket_free(datagram_socket_from_closing(letter));
}

/* --- reload ------------------------------------------------------------------------ */

static void
log_faults(const struct faults *faults)
{
	for (size_t i = 0; i < faults_count(faults); i++)
		log_error("%s", faults_get(faults, i));
}

static void
warn_fixed(const char *option, const char *running, const char *next)
{
	log_warning("%s = %s needs a restart: %s stays in force", option, next, running);
}

static size_t
make_room(const struct server *server, const struct config *config, size_t workers)
{
	struct descriptors_need need = {
		.connections = (size_t)config->limits.connections,
		.workers = workers,
		.inherited = server->inherited->count,
	};

	for (size_t i = 0; i < config->listen_count; i++) {
		if (config->listen[i].protocol == PROTOCOL_TCP)
			need.stream_listeners++;
		else
			need.datagram_listeners++;
	}
	return descriptors_make_room(config->event_method == EVENT_METHOD_SELECT, &need);
}

static void
limit_sources(struct server *server, const struct config *config)
{
	sources_set_limits(server->admission.sources, config->limits.connections_per_source,
	    config->limits.connection_rate_per_source);
}

/* All is bound and allocated: nothing from here on can fail.  Takes over both. */
static void
commit(struct server *server, struct config *next, struct acl *acl)
{
	struct listeners_change change;

	config_keep_fixed(next, server->config, warn_fixed);
	log_open(next->log.target, next->log.facility, next->log.level);
	acl_release(server->admission.acl);
	server->admission.acl = acl;
	limit_sources(server, next);
	server->admission.limit = make_room(server, next, workers_count(server->workers));
	workers_set_limits(server->workers, next);
	change = listeners_commit(server->listeners, next);
	listeners_resume(server->listeners);
	config_free(server->config);
	server->config = next;
	log_notice("reloaded %s: %zu listeners added, %zu removed, %zu kept", server->source->path,
	    change.added, change.removed, change.kept);
	inherited_tell_unserved(server->inherited, next);
}

/* Returns true when the new configuration is in force, false when nothing has changed. */
static bool
try_reload(struct server *server, struct faults *faults)
{
	struct config_source source = *server->source;
	struct config *next;
	struct acl *acl;

	/* An editor's rename must never close the listeners. */
	source.may_be_missing = false;
	source.running = server->config;
	next = config_load(&source, faults);
	if (next == NULL)
		return false;
	acl = acl_new(&next->access.allow, &next->access.deny);
	if (acl == NULL)
		faults_add(faults, "%s", strerror(errno));
	if (acl == NULL || listeners_prepare(server->listeners, next, faults) == -1) {
		acl_release(acl);
		config_free(next);
		return false;
	}
	commit(server, next, acl);
	return true;
}

static void
reload(struct server *server)
{
	struct faults *faults = faults_new();
	const char *fault = NULL;

	log_notice("SIGHUP: reloading %s", server->source->path);
	supervision_reloading(server->supervision);
	if (faults != NULL && try_reload(server, faults)) {
		server->reloads_succeeded++;
	} else {
		server->reloads_failed++;
		fault = "out of memory";
		if (faults != NULL && faults_count(faults) > 0) {
			log_faults(faults);
			fault = faults_get(faults, 0);
		}
		log_error("reload failed: the running configuration stays in force");
	}
	supervision_reloaded(server->supervision, fault);
	faults_free(faults);
}

/* --- drain and stop ---------------------------------------------------------------- */

static void
drain(struct server *server, const char *signal)
{
	const int most = server->config->drain_timeout * 1000;
	const int margin = most / 4 < STOP_BEFORE_END ? most / 4 : STOP_BEFORE_END;

	server->draining = true;
	listeners_close(server->listeners);
	log_notice("%s: draining %llu connections, for at most %d seconds", signal,
	    (unsigned long long)server->admission.open, server->config->drain_timeout);
	supervision_draining(server->supervision, server->config->drain_timeout);
	if (server->admission.open == 0) {
		end(server);
		return;
	}
	workers_drain(server->workers);
	loop_set_timer(server->drain_finish, most > FINISH_BEFORE_END ? most - FINISH_BEFORE_END : 0);
	loop_set_timer(server->drain_stop, most - margin);
}

static void
on_drain_finish(evutil_socket_t fd, short what, void *arg)
{
	struct server *server = arg;

	(void)fd;
	(void)what;
	workers_finish(server->workers);
}

static void
on_drain_stop(evutil_socket_t fd, short what, void *arg)
{
	struct server *server = arg;

	(void)fd;
	(void)what;
	log_notice("drain_timeout: stopping now, %llu connections aborted",
	    (unsigned long long)server->admission.open);
	end(server);
}

static void
stop(struct server *server, const char *signal)
{
	log_notice("%s: stopping now, %llu connections aborted", signal,
	    (unsigned long long)server->admission.open);
	end(server);
}

/* --- signals ----------------------------------------------------------------------- */

static void
log_series(void *arg, const struct family *family, const char *series, uint64_t number)
{
	(void)arg;
	(void)family;
	log_notice("%s %llu", series, (unsigned long long)number);
}

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	struct server *server = arg;

	(void)what;
	if (number == SIGUSR1)
		series_each(server->census, log_series, NULL);
	else if (number == SIGHUP && server->draining)
		log_notice("SIGHUP: no reload in a drain");
	else if (number == SIGHUP)
		reload(server);
	else if (server->draining)
		stop(server, number == SIGTERM ? "SIGTERM" : "SIGINT");
	else
		drain(server, number == SIGTERM ? "SIGTERM" : "SIGINT");
}

static int
watch_signals(struct server *server)
{
	for (size_t i = 0; i < SIGNAL_COUNT; i++) {
		server->signal_events[i] = evsignal_new(server->base, signals[i], on_signal, server);
		if (server->signal_events[i] == NULL ||
		    event_add(server->signal_events[i], NULL) == -1)
			return -1;
	}
	return 0;
}

/* libevent would write to stderr itself. */
static void
on_libevent_message(int severity, const char *text)
{
	if (severity >= EVENT_LOG_WARN)
		log_warning_limited("libevent: %s", text);
	else
		log_debug("libevent: %s", text);
}

/* --- start and end ------------------------------------------------------------------- */

static int
make_workers(struct server *server)
{
	struct loop_reports reports = {
		.conn_closed = on_conn_closed,
		.socket_closed = on_socket_closed,
	};

	server->base = loop_base_new(server->config);
	if (server->base == NULL)
		return -1;
	server->inbox = inbox_new(server->base, server);
	if (server->inbox == NULL)
		return -1;
	reports.inbox = server->inbox;
	server->workers = workers_new(server->config, &reports);
	return server->workers != NULL ? 0 : -1;
}

static int
make_supervision(struct server *server)
{
	const struct supervised supervised = {
		.base = server->base,
		.listeners = server->listeners,
		.admission = &server->admission,
		.census = server->census,
		.workers = server->workers,
	};

	server->supervision = supervision_new(&supervised);
	return server->supervision != NULL ? 0 : -1;
}

static int
make_server(struct server *server)
{
	struct listener_context context = {
		.admission = &server->admission,
		.inherited = server->inherited,
	};

	server->admission.acl = acl_new(&server->config->access.allow, &server->config->access.deny);
	server->admission.sources = sources_new();
	if (server->admission.acl == NULL || server->admission.sources == NULL ||
	    make_workers(server) == -1 || make_census(server) == -1)
		return -1;
	limit_sources(server, server->config);
	server->admission.workers = server->workers;
	server->guard = guard_new();
	if (server->guard == NULL)
		return -1;
	context.base = server->base;
	context.guard = server->guard;
	context.census = server->census;
	server->listeners = listeners_new(&context);
	server->drain_finish = evtimer_new(server->base, on_drain_finish, server);
	server->drain_stop = evtimer_new(server->base, on_drain_stop, server);
	if (server->listeners == NULL || server->drain_finish == NULL ||
	    server->drain_stop == NULL || make_supervision(server) == -1)
		return -1;
	return watch_signals(server);
}

static int
bind_listeners(struct server *server)
{
	struct faults *faults = faults_new();
	int result = -1;

	if (faults != NULL)
		result = listeners_prepare(server->listeners, server->config, faults);
	if (result == -1 && faults != NULL)
		log_faults(faults);
	faults_free(faults);
	return result;
}

static int
drop_privileges(struct server *server)
{
	int *fds;
	const size_t count = listeners_prepared(server->listeners, &fds);
	int result;

	if (fds == NULL) {
		log_error("cannot drop privileges: %s", strerror(errno));
		return -1;
	}
	result = privileges_drop(server->config->user, server->config->group, fds, count);
	free(fds);
	return result;
}

/* Better told now than by the first reload. */
static void
warn_of_unreadable_file(const struct server *server)
{
	if (access(server->source->path, R_OK) == -1 && errno == EACCES)
		log_warning("%s: %s: a reload will fail", server->source->path, strerror(errno));
}

static const char *
trigger(const struct config *config, const char *method)
{
	if (strcmp(method, "epoll") != 0)
		return "";
	return config->edge_triggered ? ", edge-triggered" : ", level-triggered";
}

/*
 * Where a CPU has more to do than time, this thread waits for a worker's pause and then
 * accepts all at once; by default each new connection stops a worker in its tracks
 * (sched(7)).  A policy that somebody chose stays, and so do the workers' own.
 */
static void
yield_to_workers(void)
{
	const struct sched_param none = { 0 };

	if (sched_getscheduler(0) == SCHED_OTHER && sched_setscheduler(0, SCHED_BATCH, &none) == -1)
		log_debug("sched_setscheduler(SCHED_BATCH): %s", strerror(errno));
}

/* Binds while still root; starts threads only after root is gone; serves in the sandbox. */
static int
start(struct server *server)
{
	const char *method;

	if (make_server(server) == -1) {
		log_error("cannot start: %s", strerror(errno));
		return -1;
	}
	if (bind_listeners(server) == -1)
		return -1;
	if (drop_privileges(server) == -1) {
		listeners_roll_back(server->listeners);
		return -1;
	}
	warn_of_unreadable_file(server);
	if (log_start() == -1 || workers_start(server->workers) == -1) {
		log_error("cannot start threads: %s", strerror(errno));
		listeners_roll_back(server->listeners);
		return -1;
	}
	yield_to_workers();
	if (sandbox_enter(server->config->sandbox) == -1) {
		listeners_roll_back(server->listeners);
		return -1;
	}
	listeners_commit(server->listeners, server->config);
	method = workers_event_method(server->workers);
	log_notice("echod %s serving: %zu workers, %s%s", PACKAGE_VERSION,
	    workers_count(server->workers), method, trigger(server->config, method));
	supervision_ready(server->supervision);
	return 0;
}

/* From here on a signal has nothing to tell: it must not end the process either. */
static void
close_ears(void)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
}

/* The books are settled while all that they are about is still there. */
static void
dispose(struct server *server)
{
	if (server->workers != NULL)
		workers_stop_and_join(server->workers);
	inbox_free(server->inbox);
	supervision_free(server->supervision);
	listeners_free(server->listeners);
	workers_free(server->workers);
	guard_free(server->guard);
	census_free(server->census);
	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		if (server->signal_events[i] != NULL)
			event_free(server->signal_events[i]);
	if (server->drain_finish != NULL)
		event_free(server->drain_finish);
	if (server->drain_stop != NULL)
		event_free(server->drain_stop);
	if (server->base != NULL)
		event_base_free(server->base);
	acl_release(server->admission.acl);
	sources_free(server->admission.sources);
	config_free(server->config);
}

int
server_run(struct config *config, const struct config_source *source,
    const struct inherited *inherited)
{
	struct server server = {
		.config = config,
		.source = source,
		.inherited = inherited,
		.started = time(NULL),
	};
	int result;

	event_set_log_callback(on_libevent_message);
	server.admission.limit = make_room(&server, config, workers_wanted(config));
	result = start(&server);
	if (result == 0) {
		log_errors_to_stderr(false);
		loop_run(server.base);
		close_ears();
	}
	dispose(&server);
	log_settle();
	if (result == 0)
		log_notice("stopped");
	return result;
}
