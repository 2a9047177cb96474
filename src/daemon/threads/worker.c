/* A worker: see worker.h. */
#include "daemon/threads/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "daemon/account/counters.h"

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
	bool draining, stopping;
	int64_t next_beat;          /* clock_ms() */
	bool skipped;               /* the last beat came late and looked at nothing */
	_Atomic int64_t heartbeat;  /* clock_ms() */

	/* The turn that is measured: a beat begins it, and `turn` comes at its end. */
	struct event *turn;
	bool in_turn;
	int64_t turn_begun;         /* clock_us() */
	counter turns[TURN_CELLS];  /* of turn_scale */

	/* The control thread's alone. */
	uint64_t seen; /* letters delivered when that was last looked at */
	int64_t moved; /* clock_ms() when it was last seen to take some, or owed nothing */

	struct order {
		struct letter letter;
		struct worker *worker;
	} orders[DRAIN_STEPS];
	pthread_t thread;
	clockid_t cpu; /* the thread's time, once it was started */
	bool was_started;
};

static void
arm_beat(struct worker *worker, int64_t after)
{
	worker->next_beat = clock_ms() + after;
	loop_set_timer(worker->beat, after);
}

/*
 * All turns would cost each echo two looks at the clock, where few are served at once.  What is
 * ready now is served before what is bulk and comes last.
 */
static void
begin_turn(struct worker *worker, int64_t now)
{
	if (worker->in_turn)
		return;
	worker->in_turn = true;
	worker->turn_begun = clock_us();
	loop_queue_as_bulk(worker->loop, worker->turn, now);
}

static void
end_turn(struct worker *worker)
{
	worker->in_turn = false;
	loop_set_bulk(worker->loop, worker->turn, false);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;

	(void)fd;
	(void)what;
	end_turn(worker);
	histogram_add(worker->turns, &turn_scale, (uint64_t)(clock_us() - worker->turn_begun));
}

/* Has the caretakers look.  Returns in how many milliseconds they are to look again. */
static int64_t
look(struct worker *worker, int64_t now, int64_t most)
{
	struct caretaker *caretaker;

	for (caretaker = worker->loop->caretakers; caretaker != NULL; caretaker = caretaker->next)
		most = caretaker->beat(caretaker, now, most);
	return most;
}

/*
 * After a beat that came late, what has arrived meanwhile is read before anybody is called
 * silent.  Once: under a load that makes all beats late the limits hold too.
 */
static void
on_beat(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;
	const int64_t now = clock_ms();

	(void)fd;
	(void)what;
	if (worker->stopping) {
		event_base_loopbreak(worker->loop->base);
		return;
	}
	atomic_store(&worker->heartbeat, now);
	begin_turn(worker, now);
	worker->skipped = now >= worker->next_beat + LATE && !worker->skipped;
	arm_beat(worker, worker->skipped ? DRAIN_BEAT
	    : look(worker, now, worker->draining ? DRAIN_BEAT : BEAT));
	if (!event_pending(worker->turn, EV_TIMEOUT, NULL) && loop_set_timer(worker->turn, 0) == -1)
		end_turn(worker);
}

struct worker *
worker_new(const struct loop_settings *settings, struct inbox *home)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	if (worker == NULL)
		return NULL;
	worker->loop = loop_new(settings, home);
	if (worker->loop != NULL)
		worker->inbox = inbox_new(worker->loop->base, worker->loop);
	if (worker->inbox != NULL)
		worker->beat = evtimer_new(worker->loop->base, on_beat, worker);
	if (worker->beat != NULL)
		worker->turn = evtimer_new(worker->loop->base, on_turn, worker);
	if (worker->turn == NULL) {
		worker_free(worker);
		return NULL;
	}
	atomic_store(&worker->heartbeat, clock_ms());
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
	if (worker->turn != NULL)
		event_free(worker->turn);
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
	worker->was_started = pthread_getcpuclockid(worker->thread, &worker->cpu) == 0;
	return 0;
}

void
worker_join(struct worker *worker)
{
	pthread_join(worker->thread, NULL);
}

struct loop *
worker_loop(struct worker *worker)
{
	return worker->loop;
}

void
worker_post(struct worker *worker, struct letter *letter,
    void (*deliver)(void *loop, struct letter *letter))
{
	if (inbox_delivered(worker->inbox) == inbox_posted(worker->inbox))
		worker->moved = clock_ms();
	inbox_post(worker->inbox, letter, deliver);
}

/* --- a drain ---------------------------------------------------------------------- */

/* The end comes by a beat: what libevent frees later is freed by then. */
static void
on_step(void *loop, struct letter *letter)
{
	struct order *order = (struct order *)(void *)((char *)letter - offsetof(struct order, letter));
	struct worker *worker = order->worker;
	const enum drain_step step = (enum drain_step)(order - worker->orders);
	struct caretaker *caretaker;

	(void)loop;
	for (caretaker = worker->loop->caretakers; caretaker != NULL; caretaker = caretaker->next)
		caretaker->drain(caretaker, step);
	worker->draining = true;
	worker->stopping = step == ABORT_ALL;
	arm_beat(worker, worker->stopping ? 0 : DRAIN_BEAT);
}

void
worker_drain(struct worker *worker, enum drain_step step)
{
	worker->orders[step].worker = worker;
	worker_post(worker, &worker->orders[step].letter, on_step);
}

/* --- how it does -------------------------------------------------------------------- */

int64_t
worker_heartbeat_age(const struct worker *worker, int64_t now)
{
	const int64_t age = now - atomic_load(&worker->heartbeat);

	return age > 0 ? age : 0; /* it may have beaten since `now` */
}

bool
worker_hangs(const struct worker *worker, int64_t now)
{
	return worker_heartbeat_age(worker, now) > STALE;
}

bool
worker_is_fresh(struct worker *worker, int64_t now)
{
	const uint64_t delivered = inbox_delivered(worker->inbox);

	if (delivered != worker->seen)
		worker->moved = now;
	worker->seen = delivered;
	return !worker_hangs(worker, now) &&
	    (delivered == inbox_posted(worker->inbox) || now - worker->moved <= BEHIND);
}

bool
worker_cpu(const struct worker *worker, uint64_t *us)
{
	struct timespec used;

	if (!worker->was_started || clock_gettime(worker->cpu, &used) == -1)
		return false;
	*us = (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
	return true;
}

uint64_t
worker_turns(const struct worker *worker, size_t cell)
{
	return counter_read(&worker->turns[cell]);
}

const char *
worker_event_method(const struct worker *worker)
{
	return event_base_get_method(worker->loop->base);
}
