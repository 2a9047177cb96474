/*
 * A run second by second: a row each.  Percentiles of several threads cannot be made of theirs, so
 * each hands in its second with all times in it, and the row is made when the last one did.
 */
#ifndef CLIENT_BENCH_SECONDS_H
#define CLIENT_BENCH_SECONDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/measure/histogram.h"

/* What happened in one second. */
struct bench_second {
	uint64_t second; /* of the run, from 0 */
	uint64_t sent, echoed, echoed_bytes, not_sent, errors;
	uint64_t connections;  /* open at its end */
	int64_t p50, p99, max; /* corrected, of those echoed in it; 0 where none was */
};

/* All 0 to begin with; for bench_seconds_free(). */
struct bench_seconds {
	size_t count, room;
	struct bench_second *rows; /* by their seconds */
};

/* What one thread has counted in a second. */
struct bench_tick {
	struct bench_second row; /* neither which, nor times; its connections are those open now */
	struct histogram corrected;
};

/* Where the threads hand in. */
struct bench_clock;

/* Returns one for so many threads, for bench_clock_free(), or NULL without memory. */
struct bench_clock *bench_clock_new(unsigned threads);
void bench_clock_free(struct bench_clock *clock);

/*
 * Hands in a thread's `second`, from 0, which it does once for each, from any thread; *tick is all 0
 * afterwards, but for its connections.  Without memory the second has no row.
 */
void bench_clock_hand(struct bench_clock *clock, uint64_t second, struct bench_tick *tick);

/*
 * A thread hands in nothing more, from `second` on: that and later ones are complete without it.
 * Once for each, from any thread.
 */
void bench_clock_leave(struct bench_clock *clock, uint64_t second);

/*
 * Copies the last rows that are complete, at most `most`, the oldest first, and returns how many.
 * From any thread.
 */
size_t bench_clock_last(struct bench_clock *clock, struct bench_second *rows, size_t most);

/* The sum of all rows that are complete; its connections and times say nothing.  From any thread. */
struct bench_second bench_clock_sum(struct bench_clock *clock);

/* Moves all rows to `seconds`, which is empty, also those that not all threads have handed in. */
void bench_clock_take(struct bench_clock *clock, struct bench_seconds *seconds);

/*
 * Adds a row: to that of its second, or as another one.  Of two percentiles it has the greater,
 * which that of both does not exceed.  Returns false without memory.
 */
bool bench_seconds_add(struct bench_seconds *seconds, const struct bench_second *row);
void bench_seconds_free(struct bench_seconds *seconds);

#endif
