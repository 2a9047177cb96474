/*
 * Times in nanoseconds as a histogram: 128 buckets for each power of two, up to an hour, so that
 * no time is told more than 0.4 % off, whatever the number of samples.  Histograms of several
 * threads or clients add up without a loss.
 */
#ifndef CLIENT_MEASURE_HISTOGRAM_H
#define CLIENT_MEASURE_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_MOST INT64_C(3600000000000)
#define HISTOGRAM_BUCKETS 4562

/* All 0 to begin with. */
struct histogram {
	uint64_t count;
	int64_t min, max; /* exact, also above HISTOGRAM_MOST; of nothing 0 */
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* One bucket: the times from `low` to `high`, both among them. */
struct histogram_bucket {
	int64_t low, high;
	uint64_t count;
};

/* Below 0 counts as 0; above HISTOGRAM_MOST it is in the last bucket. */
void histogram_record(struct histogram *histogram, int64_t nanoseconds);

/* `count` of them at once. */
void histogram_record_many(struct histogram *histogram, int64_t nanoseconds, uint64_t count);

void histogram_add(struct histogram *to, const struct histogram *from);

/*
 * The least time that the part `quantile` of the samples, 0 to 1, does not exceed, as the middle of
 * its bucket; the first and the last of them exactly.  0 of nothing.
 */
int64_t histogram_quantile(const struct histogram *histogram, double quantile);

/* The mean and the standard deviation, by the middles of the buckets; 0 of nothing. */
double histogram_mean(const struct histogram *histogram);
double histogram_deviation(const struct histogram *histogram);

/*
 * Writes the next bucket that has samples, from below: `at` is 0 before the first, and then where
 * it goes on.  Returns false where there is no more.
 */
bool histogram_next(const struct histogram *histogram, size_t *at, struct histogram_bucket *bucket);

/* The bucket that a time falls into; its count is left 0. */
struct histogram_bucket histogram_bucket_of(int64_t nanoseconds);

/* The time that stands for the samples in a bucket: its middle, or what has not left min and max. */
int64_t histogram_told(const struct histogram *histogram, const struct histogram_bucket *bucket);

#endif
