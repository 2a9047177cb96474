/* A worker: see worker.h. */
#include "daemon/threads/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/log.h"
#include "daemon/stream/sweep.h"

/* How often the heart beats, and in a drain: ms. */
#define BEAT 1000
#define DRAIN_BEAT 100

/* A beat that comes this late tells that the process was stopped or starved: ms. */
#define LATE 1000

/* A heartbeat older than this tells of a worker that hangs: ms. */
#define STALE 3000

/* So does one that leaves what it was given for this long: ms. */
#define BEHIND 200

struct worker {
	struct loop *loop;
	struct inbox *inbox;
	struct event *beat;
	struct batch *batch;        /* NULL until there is a datagram socket */
	int64_t next_beat;          /* loop_now() */
	bool skipped;               /* the last beat came late and swept nothing */
	_Atomic int64_t heartbeat;  /* loop_now() */
	_Atomic uint64_t taken;     /* connections that it has taken */

	/* The control thread's alone. */
	uint64_t given; /* connections */
	uint64_t seen;  /* `taken` when that was last looked at */
	int64_t moved;  /* loop_now() when it was last seen to take some, or owed nothing */

	struct letter drain, finish, stop;
	pthread_t thread;
};

static void
arm_beat(struct worker *worker, int64_t after)
{
	worker->next_beat = loop_now() + after;
	loop_set_timer(worker->beat, after);
}

/*
 * After a beat that came late, what has arrived meanwhile is read before any
 * connection is called silent.  Once: under a load that makes all beats late the
 * limits hold too.
 */
static void
on_beat(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;
	const int64_t now = loop_now();
	int64_t after = worker->loop->draining ? DRAIN_BEAT : BEAT;

	(void)fd;
	(void)what;
	atomic_store(&worker->heartbeat, now);
	worker->skipped = now >= worker->next_beat + LATE && !worker->skipped;
	after = worker->skipped ? DRAIN_BEAT : sweep_due(worker->loop, now, after);
	arm_beat(worker, after);
	if (sweep_has_waiting(worker->loop))
		loop_watch(worker->loop);
}

static void
on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;
	const int64_t after = sweep_watch(worker->loop, loop_now());

	(void)fd;
	(void)what;
	if (after > 0)
		loop_set_timer(worker->loop->watcher, after);
}

struct worker *
worker_new(const struct config *config, size_t workers, const struct loop_reports *reports)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	if (worker == NULL)
		return NULL;
	worker->loop = loop_new(config, workers, reports);
	if (worker->loop != NULL)
		worker->inbox = inbox_new(worker->loop->base, worker);
	if (worker->inbox != NULL)
		worker->beat = evtimer_new(worker->loop->base, on_beat, worker);
	if (worker->beat != NULL)
		worker->loop->watcher = evtimer_new(worker->loop->base, on_watch, worker);
	if (worker->beat == NULL || worker->loop->watcher == NULL) {
		worker_free(worker);
		return NULL;
	}
	atomic_store(&worker->heartbeat, loop_now());
	arm_beat(worker, BEAT);
	return worker;
}

void
worker_free(struct worker *worker)
{
	if (worker == NULL)
		return;
	inbox_free(worker->inbox);
	if (worker->beat != NULL)
		event_free(worker->beat);
	if (worker->loop != NULL && worker->loop->watcher != NULL)
		event_free(worker->loop->watcher);
	batch_free(worker->batch);
	loop_free(worker->loop);
	free(worker);
}

static void *
run(void *arg)
{
	struct worker *worker = arg;

	loop_run(worker->loop->base);
	return NULL;
}

int
worker_start(struct worker *worker, const char *name)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&worker->thread, NULL, run, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0) {
		errno = error;
		return -1;
	}
	pthread_setname_np(worker->thread, name);
	return 0;
}

void
worker_join(struct worker *worker)
{
	pthread_join(worker->thread, NULL);
}

/* --- orders, delivered in the worker's thread --------------------------------- */

static void
take_conn(void *owner, struct letter *letter)
{
	struct worker *worker = owner;

	atomic_fetch_add(&worker->taken, 1);
	conn_open(conn_from_letter(letter), worker->loop);
}

static void
take_socket(void *owner, struct letter *letter)
{
	struct worker *worker = owner;

	datagram_socket_open(datagram_socket_from_opening(letter), worker->loop);
}

static void
return_socket(void *owner, struct letter *letter)
{
	(void)owner;
	datagram_socket_close(datagram_socket_from_closing(letter));
}

static void
drain(void *owner, struct letter *letter)
{
	struct worker *worker = owner;

	(void)letter;
	worker->loop->draining = true;
	arm_beat(worker, DRAIN_BEAT);
}

static void
finish(void *owner, struct letter *letter)
{
	struct worker *worker = owner;

	(void)letter;
	sweep_finish_all(worker->loop, CLOSE_DRAIN);
}

static void
stop(void *owner, struct letter *letter)
{
	struct worker *worker = owner;

	(void)letter;
	sweep_abort_all(worker->loop, CLOSE_STOP);
	event_base_loopbreak(worker->loop->base);
}

/* --- orders, as the control thread gives them ---------------------------------- */

struct batch *
worker_batch(struct worker *worker)
{
	if (worker->batch == NULL)
		worker->batch = batch_new();
	return worker->batch;
}

void
worker_take_conn(struct worker *worker, struct conn *conn)
{
	if (atomic_load(&worker->taken) == worker->given)
		worker->moved = loop_now();
	worker->given++;
	inbox_post(worker->inbox, conn_letter(conn), take_conn);
}

void
worker_take_socket(struct worker *worker, struct datagram_socket *socket)
{
	inbox_post(worker->inbox, datagram_socket_opening(socket), take_socket);
}

void
worker_return_socket(struct worker *worker, struct datagram_socket *socket)
{
	inbox_post(worker->inbox, datagram_socket_closing(socket), return_socket);
}

void
worker_set_limits(struct worker *worker, const struct config *config, size_t workers)
{
	loop_set_limits(worker->loop, config, workers);
}

void
worker_drain(struct worker *worker)
{
	inbox_post(worker->inbox, &worker->drain, drain);
}

void
worker_finish(struct worker *worker)
{
	inbox_post(worker->inbox, &worker->finish, finish);
}

void
worker_stop(struct worker *worker)
{
	inbox_post(worker->inbox, &worker->stop, stop);
}

bool
worker_hangs(const struct worker *worker, int64_t now)
{
	return now - atomic_load(&worker->heartbeat) > STALE;
}

bool
worker_is_fresh(struct worker *worker, int64_t now)
{
	const uint64_t taken = atomic_load(&worker->taken);

	if (taken != worker->seen)
		worker->moved = now;
	worker->seen = taken;
	return !worker_hangs(worker, now) &&
	    (taken == worker->given || now - worker->moved <= BEHIND);
}

const char *
worker_event_method(const struct worker *worker)
{
	return event_base_get_method(worker->loop->base);
}
