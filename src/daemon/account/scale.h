/*
 * The scales of the histograms: what their buckets end at.  A histogram is a row of cells, each a
 * counter: for each bound what was at most that and above the one before, what was above all of
 * them, and the sum.  So it is summed as other counters are, cell by cell.
 */
#ifndef DAEMON_ACCOUNT_SCALE_H
#define DAEMON_ACCOUNT_SCALE_H

#include <stddef.h>
#include <stdint.h>

/* How long a connection was open: milliseconds, and in seconds as Prometheus writes them. */
#define AGE_BOUNDS(X)                                                          \
	X(10, "0.01") X(100, "0.1") X(1000, "1") X(10000, "10") X(60000, "60") \
	X(600000, "600") X(3600000, "3600") X(86400000, "86400")

/* How long bytes waited: microseconds. */
#define WAIT_BOUNDS(X)                                                       \
	X(1000, "0.001") X(5000, "0.005") X(25000, "0.025") X(100000, "0.1") \
	X(500000, "0.5") X(2500000, "2.5") X(10000000, "10") X(60000000, "60")

/* How long a worker's turn took: microseconds. */
#define TURN_BOUNDS(X)                                                      \
	X(50, "0.00005") X(200, "0.0002") X(1000, "0.001") X(5000, "0.005") \
	X(20000, "0.02") X(100000, "0.1") X(500000, "0.5") X(2000000, "2")

#define SCALE_BOUND(bound, text) (bound),
#define SCALE_CELLS(list) (sizeof((uint64_t[]){ list(SCALE_BOUND) }) / sizeof(uint64_t) + 2)

enum {
	AGE_CELLS = SCALE_CELLS(AGE_BOUNDS),
	WAIT_CELLS = SCALE_CELLS(WAIT_BOUNDS),
	TURN_CELLS = SCALE_CELLS(TURN_BOUNDS),
	SCALE_CELLS_MOST = 16, /* of any */
};

struct scale {
	const uint64_t *bounds;
	const char *const *texts; /* of the bounds, and "+Inf" */
	size_t count;             /* of the bounds */
	unsigned decimals;        /* how many of a bound's digits are behind the point */
};

extern const struct scale age_scale, wait_scale, turn_scale;

/* The cell that counts `value`. */
size_t scale_find(const struct scale *scale, uint64_t value);

/* The cell that has the sum. */
static inline size_t
scale_sum(const struct scale *scale)
{
	return scale->count + 1;
}

#endif
