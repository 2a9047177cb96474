/* The running daemon: see server.h. */
#include "daemon/control/server.h"

#include <errno.h>
#include <event2/event.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/control/drain.h"
#include "daemon/control/hand_over.h"
#include "daemon/control/parts.h"
#include "daemon/control/reload.h"
#include "daemon/control/restart.h"
#include "daemon/control/server_internal.h"
#include "daemon/control/signals.h"
#include "daemon/control/take_over.h"
#include "daemon/process/privileges.h"

/* --- what comes home from the workers --------------------------------------------- */

void
server_end(struct server *server)
{
	event_base_loopbreak(server->base);
}

void
server_settle(void *owner, struct letter *letter)
{
	struct server *server = owner;

	admission_settle(&server->admission, conn_from_letter(letter));
}

/* Who asks how it does is cut off by a stop, not by a successor. */
bool
server_is_empty(const struct server *server)
{
	return server->admission.open == 0 &&
	    (!server->hand_over.is_over || http_server_open(server->http) == 0);
}

/* Fewer connections are open: lets others in, or the drain end. */
static void
on_left(void *owner)
{
	struct server *server = owner;

	if (server->draining && server_is_empty(server))
		server_end(server);
	else if (!server->draining && !server->hand_over.is_halted)
		listeners_resume(server->listeners);
	restart_look(server);
}

/* --- start ------------------------------------------------------------------------- */

/* libevent would write to stderr itself.  After an error it ends the process. */
static void
on_libevent_message(int severity, const char *text)
{
	if (severity >= EVENT_LOG_ERR)
		log_error("libevent: %s", text);
	else if (severity >= EVENT_LOG_WARN)
		log_warning_limited("libevent: %s", text);
	else
		log_debug("libevent: %s", text);
}

/* Some failures, as of a socketpair(2) for signals, end the process: it says why before. */
static void
on_libevent_end(int error)
{
	log_stop();
	if (error == EXIT_FAILURE)
		exit(EXIT_FAILURE);
	abort(); /* an assertion of its own */
}

/* The control thread's own, before any part. */
static int
make_base(struct server *server, const struct config *config)
{
	const struct loop_settings settings = { config->event_method, config->edge_triggered };

	server->admission.left = on_left;
	server->admission.owner = server;
	server->base = loop_base_new(&settings);
	if (server->base != NULL)
		server->inbox = inbox_new(server->base, server);
	if (server->inbox != NULL && drain_make(server) == 0)
		return 0;
	log_error("cannot start: %s", strerror(errno));
	return -1;
}

static int
prepare(struct server *server, const struct config *config)
{
	struct faults *faults = faults_new();
	const bool prepared = faults != NULL && parts_prepare(server, config, faults);

	if (faults == NULL)
		log_error("cannot start: %s", strerror(errno));
	else
		reload_log_faults(faults);
	if (!prepared && server->fault == NULL && faults != NULL && faults_count(faults) > 0)
		server->fault = strdup(faults_get(faults, 0));
	faults_free(faults);
	return prepared ? 0 : -1;
}

struct config *
server_configuration_before(const struct config_source *source, struct kept *kept,
    struct faults *faults)
{
	const struct config_source before = {
		.path = "configuration before", .text = kept_configuration(kept),
		.foreground = source->foreground,
	};

	return config_load(&before, faults);
}

static int
supervise(struct server *server)
{
	const struct supervised supervised = {
		.base = server->base,
		.listeners = server->listeners,
		.admission = &server->admission,
		.census = server->census,
		.workers = server->workers,
	};

	server->supervision = supervision_new(&supervised);
	if (server->supervision != NULL)
		restart_make(server);
	if (server->supervision != NULL && signals_watch(server) == 0 &&
	    (server->hand_over.sockets != NULL || signals_watch_ends(server) == 0))
		return 0;
	log_error("cannot start: %s", strerror(errno));
	return -1;
}

static int
drop_privileges(struct server *server, const struct config *config)
{
	int *fds;
	size_t count = listeners_prepared(server->listeners, &fds, HTTP_LISTENERS_FDS_MAX);
	int result;

	if (fds == NULL) {
		log_error("cannot drop privileges: %s", strerror(errno));
		return -1;
	}
	count += http_listeners_prepared(server->http_listeners, fds + count);
	result = privileges_drop(config->user, config->group, fds, count);
	free(fds);
	return result;
}

/* Better told now than by the first reload. */
static void
warn_of_unreadable_file(const struct server *server, const struct config *config)
{
	const char *const path = server->source->path;
	char reader[CONFIG_READER_SIZE];

	if (access(path, R_OK) == -1 && errno == EACCES)
		log_warning("%s: a reload will fail: %s", path,
		    config_needs_reader(path, config->user, reader));
}

static int
start_threads(struct server *server)
{
	if (log_start() == 0 && workers_start(server->workers) == 0)
		return 0;
	log_error("cannot start threads: %s", strerror(errno));
	return -1;
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

/* Between what needs privileges and what peers see: root goes, then threads come. */
static int
settle_process(struct server *server, const struct config *config)
{
	if (supervise(server) == -1 || drop_privileges(server, config) == -1)
		return -1;
	warn_of_unreadable_file(server, config);
	certificates_warn_of_unreadable(config);
	if (start_threads(server) == -1)
		return -1;
	yield_to_workers();
	return sandbox_enter(config->sandbox, config_has_files(config));
}

static const char *
trigger(const struct config *config, const char *method)
{
	if (strcmp(method, "epoll") != 0)
		return "";
	return config->edge_triggered ? ", edge-triggered" : ", level-triggered";
}

static bool
has_parcel(const struct server *server)
{
	return server->hand_over.kept != NULL && server->hand_over.kept->receiving != -1;
}

/* What another one has is found. */
static int
find(struct server *server, const struct config *config, bool takes_over)
{
	if (has_parcel(server))
		return take_over_find(server, config);
	return takes_over ? take_over_ask(server, config) : 0;
}

/* It serves: so the manager is told, and of a configuration that could not be had. */
static void
tell_started(struct server *server)
{
	if (server->fault == NULL) {
		supervision_ready(server->supervision);
		return;
	}
	server->reloads_failed++;
	log_error("%s has a fault: the configuration of the process before stays in force",
	    server->source->path);
	reload_tell(server, server->fault);
}

/*
 * A reload from nothing, or from what another one has.  Takes over `config`.  Returns 0, or -1 after
 * an error in the log; where server->is_settled is false then, it may be tried again.
 */
static int
start(struct server *server, struct config *config, bool takes_over)
{
	const char *method;

	if (find(server, config, takes_over) == -1 || make_base(server, config) == -1 ||
	    prepare(server, config) == -1) {
		config_free(config);
		return -1;
	}
	server->is_settled = true;
	if (settle_process(server, config) == -1 || take_over_make(server) == -1) {
		parts_roll_back(server);
		config_free(config);
		return -1;
	}
	parts_commit(server, config);
	take_over_go_on(server);
	method = workers_event_method(server->workers);
	log_notice("echod %s serving: %zu workers, %s%s", PACKAGE_VERSION,
	    workers_count(server->workers), method, trigger(config, method));
	tell_started(server);
	ready_tell(server->ready, server->base, server->listeners);
	process_room_settle(&server->process_room);
	return 0;
}

/* --- end ------------------------------------------------------------------------------ */

/* The books are settled while all that they are about is still there. */
static void
dispose(struct server *server)
{
	if (server->workers != NULL)
		workers_stop_and_join(server->workers);
	gather_stop(server->gather);
	inbox_free(server->inbox);
	take_over_free(server);
	hand_over_free(server);
	restart_free(server);
	ready_free(server->ready);
	telling_settle(server->telling);
	telling_free(server->telling);
	summary_settle(server->summary);
	supervision_free(server->supervision);
	http_listeners_free(server->http_listeners);
	http_server_free(server->http);
	history_free(server->history);
	preambles_free(server->preambles);
	listeners_free(server->listeners);
	crowds_free(server->crowds);
	workers_free(server->workers);
	gather_free(server->gather);
	summary_free(server->summary);
	batches_free(server->batches);
	guard_free(server->guard);
	census_free(server->census);
	worker_room_free(server->worker_room);
	certificates_free(server->certificates);
	signals_free(server);
	drain_free(server);
	if (server->base != NULL)
		event_base_free(server->base);
	acl_release(server->admission.acl);
	sources_free(server->admission.sources);
	config_free(server->config);
	free(server->fault);
}

static struct server
server_of(const struct server_start *with, struct ready *ready, char *fault)
{
	const time_t now = time(NULL);

	return (struct server){
		.source = with->source,
		.inherited = with->inherited,
		.ready = ready,
		.condition = { .started = now, .service_started = now },
		.hand_over = { .fd = -1, .kept = with->kept },
		.fault = fault,
	};
}

/* As after a reload that failed, what was in force stays so, which the parcel has as well. */
static int
start_as_before(struct server *server, const struct server_start *with)
{
	struct faults *faults = faults_new();
	struct ready *ready = server->ready;
	struct config *config = NULL;
	char *fault = server->fault;

	server->ready = NULL;
	server->fault = NULL;
	dispose(server);
	*server = server_of(with, ready, fault);
	if (faults != NULL && kept_look_again(with->kept, faults))
		config = server_configuration_before(with->source, with->kept, faults);
	if (faults != NULL)
		reload_log_faults(faults);
	faults_free(faults);
	return config != NULL ? start(server, config, false) : -1;
}

int
server_run(const struct server_start *with)
{
	struct server server = server_of(with, with->ready, with->fault);
	int status = EXIT_FAILURE, result;

	event_set_log_callback(on_libevent_message);
	event_set_fatal_callback(on_libevent_end);
	result = start(&server, with->config, with->takes_over);
	if (result == -1 && has_parcel(&server) && !server.is_settled && with->fault == NULL &&
	    server.fault != NULL)
		result = start_as_before(&server, with);
	if (result == 0) {
		log_errors_to_stderr(false);
		loop_run(server.base);
		signals_block();
		status = restart_status(&server);
	}
	dispose(&server);
	log_settle();
	if (result == 0)
		log_notice("stopped");
	return status;
}
