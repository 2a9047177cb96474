/*
 * Has all workers halt between two of their events, so that the control thread may touch what they
 * own, and go on as if nothing had been.  It waits for none of them: a worker that hangs keeps it
 * from what it wanted, and from nothing else.
 *
 * The control thread's alone.
 */
#ifndef DAEMON_THREADS_PARK_H
#define DAEMON_THREADS_PARK_H

#include "daemon/threads/workers.h"

struct park;

/*
 * For `workers`, which outlive it.  `parked` is called with `owner`, in the control thread, each
 * time that all have halted: what they posted home before has been delivered by then.  Returns
 * NULL without memory.  park_free() frees it, once the workers were joined and the inbox that is
 * their home is freed.
 */
struct park *park_new(const struct workers *workers, void (*parked)(void *owner), void *owner);
void park_free(struct park *park);

/*
 * Has them halt as soon as each may.  What is posted to a worker from here on waits until
 * park_end().
 */
void park_begin(struct park *park);

/* Has them go on, whether all had halted or not; where none was to halt, nothing happens. */
void park_end(struct park *park);

#endif
