/*
 * When the messages of an open loop are due: the `k`th of all is `k` intervals after the beginning
 * and goes over connection `k` modulo their number, whatever became of those before it.  So each
 * connection has a schedule of its own, and one that hangs is not hidden by the others.  A worker
 * walks those of its own connections.  Pure: nanoseconds.
 */
#ifndef CLIENT_BENCH_LOAD_SCHEDULE_H
#define CLIENT_BENCH_LOAD_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct schedule {
	int64_t begin;
	double interval;      /* between two messages of all connections */
	uint64_t connections; /* of all workers */
	uint64_t first, step; /* the worker has connections `first`, `first` + `step`, ... */
	uint64_t round, connection; /* of the next message that is due */
};

/* `rate` is in messages a second, of all connections. */
void schedule_begin(struct schedule *schedule, int64_t begin, double rate, uint64_t connections,
    uint64_t first, uint64_t step);

/* When message `number` of `connection` is due. */
static inline int64_t
schedule_due(const struct schedule *schedule, uint64_t connection, uint64_t number)
{
	return schedule->begin + (int64_t)(schedule->interval *
	    (double)(number * schedule->connections + connection));
}

/* When the next one is. */
static inline int64_t
schedule_next(const struct schedule *schedule)
{
	return schedule_due(schedule, schedule->connection, schedule->round);
}

/* The next one is taken: returns its connection. */
uint64_t schedule_take(struct schedule *schedule);

#endif
