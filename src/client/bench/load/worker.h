/*
 * A worker of bench: a thread with a loop and connections of its own.  It goes through the stages
 * of a run, of which load.h tells it the times, and counts by itself what comes of them.
 */
#ifndef CLIENT_BENCH_LOAD_WORKER_H
#define CLIENT_BENCH_LOAD_WORKER_H

#include "client/bench/load/load_internal.h"

/*
 * Prepares worker `index` of the plan's, for load_worker_dispose() whatever comes of it.  Returns false
 * without memory.  What it is given must live as long.
 */
bool load_worker_init(struct worker *worker, unsigned index, const struct plan *plan,
    const struct payload *payload, struct bench_clock *clock);
void load_worker_dispose(struct worker *worker);

/* Begins to open its links, the first of which may be open already.  Returns 0 or an errno. */
int load_worker_start(struct worker *worker);

/* Once it is ready: has it run, at these times.  From another thread. */
void load_worker_run(struct worker *worker, const struct times *times);

/* Has it stop at once, whatever it does. */
void load_worker_stop(struct worker *worker);

/* Waits for its end. */
void load_worker_join(struct worker *worker);

#endif
