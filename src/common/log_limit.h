/*
 * How often a message of one class may be logged: once in a period, and then with the
 * number of those in between.  Pure: the caller has the clock and the lock.
 */
#ifndef COMMON_LOG_LIMIT_H
#define COMMON_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

/* Trouble that lasts is told once in this time: ms. */
#define LOG_LIMIT_PERIOD 10000

/* All zero: nothing was logged yet. */
struct log_limit {
	bool begun;
	int64_t until; /* no further message before */
	uint64_t suppressed;
};

/*
 * True where a message may be logged at `now`, in milliseconds of a clock that never goes
 * back; *suppressed is then how many were not since the last one.  False: it is counted.
 */
bool log_limit_allows(struct log_limit *limit, int64_t now, uint64_t *suppressed);

/*
 * How many messages were suppressed in a period that is over at `now`: they are told by
 * whoever asks, and forgotten here.  0 while the period goes on.
 */
uint64_t log_limit_settle(struct log_limit *limit, int64_t now);

#endif
