/*
 * The workers as a body: which of them takes the next connection, and what all of
 * them are told.  The control thread's alone.
 */
#ifndef DAEMON_THREADS_WORKERS_H
#define DAEMON_THREADS_WORKERS_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/threads/worker.h"

struct workers;

/*
 * Makes `count` workers.  Returns NULL with errno; workers_free() frees them, once they were
 * joined or when they were never started.  `home` is where goes what they are done with.
 */
struct workers *workers_new(size_t count, const struct loop_settings *settings,
    struct inbox *home);
void workers_free(struct workers *workers);

/* Starts the threads.  Returns 0, or -1 with errno when one does not start. */
int workers_start(struct workers *workers);

size_t workers_count(const struct workers *workers);
struct worker *workers_get(const struct workers *workers, size_t index);

/*
 * Which worker takes the next connection: the one with the fewest among those
 * whose heartbeat is fresh.
 */
size_t workers_pick(const struct workers *workers);

/* Whether one hangs at `now` (clock_ms()), as worker_hangs() says; *index is then the first. */
bool workers_find_hung(const struct workers *workers, int64_t now, size_t *index);

/* Keeps the books of how many connections each has. */
void workers_count_opened(struct workers *workers, size_t index);
void workers_count_closed(struct workers *workers, size_t index);

/* How many connections one has. */
size_t workers_open(const struct workers *workers, size_t index);

/* What worker.h says of each, for all. */
void workers_drain(struct workers *workers, enum drain_step step);
void workers_stop_and_join(struct workers *workers);

const char *workers_event_method(const struct workers *workers);

#endif
