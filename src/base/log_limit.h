/*
 * How often a class of messages may have a line in the log: once in a period, be it the
 * first message or the number of those that were suppressed since.  Pure: the caller has the
 * clock and the lock.
 */
#ifndef BASE_LOG_LIMIT_H
#define BASE_LOG_LIMIT_H

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
 * back.  False: it is counted, until log_limit_settle() tells of it.
 */
bool log_limit_allows(struct log_limit *limit, int64_t now);

/*
 * How many messages were suppressed in a period that is over at `now`: they are told by
 * whoever asks, which begins another, and forgotten here.  0 while the period goes on.
 */
uint64_t log_limit_settle(struct log_limit *limit, int64_t now);

#endif
