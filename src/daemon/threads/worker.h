/*
 * A worker: a thread with a loop of its own, which owns what the control thread gives it.
 * What that is, it need not know: letters carry it there, and caretakers look after it.
 *
 * All functions are the control thread's to call.  Letters are delivered in the order in
 * which they were posted.
 */
#ifndef DAEMON_THREADS_WORKER_H
#define DAEMON_THREADS_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/threads/inbox.h"
#include "daemon/threads/loop.h"

struct worker;

/*
 * Makes a worker whose thread does not run yet: worker_start() starts it.  Returns NULL with
 * errno.  `home` is where goes what it is done with.
 */
struct worker *worker_new(const struct loop_settings *settings, struct inbox *home);

/* Frees a worker that was never started and given no letters, or has been joined. */
void worker_free(struct worker *worker);

/* Starts the thread, called `name`, with every signal blocked.  Returns 0, or -1 with errno. */
int worker_start(struct worker *worker, const char *name);

/* Before worker_start(): for what it is to carry.  Afterwards the loop is its thread's own. */
struct loop *worker_loop(struct worker *worker);

/* `deliver` is called in the worker's thread with its loop, a struct loop, and the letter. */
void worker_post(struct worker *worker, struct letter *letter,
    void (*deliver)(void *loop, struct letter *letter));

/*
 * Has it take a step of a drain, each at most once.  After ABORT_ALL, the last order of all, the
 * thread ends.
 */
void worker_drain(struct worker *worker, enum drain_step step);

/* Waits for the thread to end, after ABORT_ALL. */
void worker_join(struct worker *worker);

/* How long ago its heart last beat at `now` (clock_ms()), as it does once a second: ms. */
int64_t worker_heartbeat_age(const struct worker *worker, int64_t now);

/* True when that is more than 3 s. */
bool worker_hangs(const struct worker *worker, int64_t now);

/* Writes what time of a CPU its thread took to *us: us.  Returns false where that is not known. */
bool worker_cpu(const struct worker *worker, uint64_t *us);

/*
 * A cell of the histogram (turn_scale) of how long its turns took: of one at each beat, from when
 * it began to look until all that was ready had been served.
 */
uint64_t worker_turns(const struct worker *worker, size_t cell);

/*
 * Whether it is to be given more at `now`: false for a worker that hangs, or that has not
 * taken what was given to it for 0.2 s.
 */
bool worker_is_fresh(struct worker *worker, int64_t now);

/* "epoll", "poll" or "select": what libevent really uses. */
const char *worker_event_method(const struct worker *worker);

#endif
