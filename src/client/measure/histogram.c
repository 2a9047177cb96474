/* Times as a histogram: see histogram.h. */
#include "client/measure/histogram.h"

#include <math.h>

/* Below this each time has a bucket of its own; above, each power of two has so many. */
#define BUCKETS_EACH 128
#define BITS_EACH 7

_Static_assert(BUCKETS_EACH == 1 << BITS_EACH, "buckets are found by shifting");

static size_t
index_of(int64_t nanoseconds)
{
	const uint64_t value = (uint64_t)(nanoseconds < HISTOGRAM_MOST ? nanoseconds
	    : HISTOGRAM_MOST);
	unsigned shift;

	if (nanoseconds < BUCKETS_EACH)
		return nanoseconds > 0 ? (size_t)value : 0;
	shift = 63 - (unsigned)__builtin_clzll(value) - BITS_EACH;
	return ((size_t)shift << BITS_EACH) + (size_t)(value >> shift);
}

static struct histogram_bucket
bucket_at(size_t i)
{
	const unsigned shift = i < BUCKETS_EACH ? 0 : (unsigned)(i / BUCKETS_EACH - 1);
	const int64_t low = (int64_t)(i - (size_t)shift * BUCKETS_EACH) << shift;

	return (struct histogram_bucket){ low, low + (INT64_C(1) << shift) - 1, 0 };
}

struct histogram_bucket
histogram_bucket_of(int64_t nanoseconds)
{
	return bucket_at(index_of(nanoseconds));
}

void
histogram_record(struct histogram *histogram, int64_t nanoseconds)
{
	histogram_record_many(histogram, nanoseconds, 1);
}

void
histogram_record_many(struct histogram *histogram, int64_t nanoseconds, uint64_t count)
{
	const int64_t value = nanoseconds > 0 ? nanoseconds : 0;

	if (count == 0)
		return;
	if (histogram->count == 0 || value < histogram->min)
		histogram->min = value;
	if (value > histogram->max)
		histogram->max = value;
	histogram->count += count;
	histogram->buckets[index_of(value)] += count;
}

void
histogram_add(struct histogram *to, const struct histogram *from)
{
	if (from->count == 0)
		return;
	if (to->count == 0 || from->min < to->min)
		to->min = from->min;
	if (from->max > to->max)
		to->max = from->max;
	to->count += from->count;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		to->buckets[i] += from->buckets[i];
}

bool
histogram_next(const struct histogram *histogram, size_t *at, struct histogram_bucket *bucket)
{
	for (; *at < HISTOGRAM_BUCKETS; ++*at)
		if (histogram->buckets[*at] > 0) {
			*bucket = bucket_at(*at);
			bucket->count = histogram->buckets[(*at)++];
			return true;
		}
	return false;
}

int64_t
histogram_told(const struct histogram *histogram, const struct histogram_bucket *bucket)
{
	const int64_t middle = bucket->low + (bucket->high - bucket->low + 1) / 2;

	if (middle < histogram->min)
		return histogram->min;
	return middle < histogram->max ? middle : histogram->max;
}

/* The nearest rank.  What rounding adds to a whole one must not make it the next. */
int64_t
histogram_quantile(const struct histogram *histogram, double quantile)
{
	const double rank = ceil(quantile * (double)histogram->count - 1e-6);
	struct histogram_bucket bucket;
	uint64_t below = 0;

	if (rank <= 1)
		return histogram->min;
	if (rank >= (double)histogram->count)
		return histogram->max;
	for (size_t at = 0; histogram_next(histogram, &at, &bucket);) {
		below += bucket.count;
		if ((double)below >= rank)
			return histogram_told(histogram, &bucket);
	}
	return histogram->max;
}

double
histogram_mean(const struct histogram *histogram)
{
	struct histogram_bucket bucket;
	double sum = 0;

	for (size_t at = 0; histogram_next(histogram, &at, &bucket);)
		sum += (double)bucket.count * (double)histogram_told(histogram, &bucket);
	return histogram->count > 0 ? sum / (double)histogram->count : 0;
}

double
histogram_deviation(const struct histogram *histogram)
{
	const double mean = histogram_mean(histogram);
	struct histogram_bucket bucket;
	double squares = 0;

	for (size_t at = 0; histogram_next(histogram, &at, &bucket);) {
		const double off = (double)histogram_told(histogram, &bucket) - mean;

		squares += (double)bucket.count * off * off;
	}
	return histogram->count > 0 ? sqrt(squares / (double)histogram->count) : 0;
}
