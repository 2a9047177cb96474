/* Times as a histogram: how far off it tells them, against the samples themselves. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/measure/histogram.h"
#include "random.h"
#include "runner.h"

/* In the suite; HISTOGRAM_SAMPLES=10000000 by hand. */
#define SAMPLES 200000
#define WORST 0.004
#define PARTS 4

static struct histogram histogram, parts[PARTS];

static void
setup(void)
{
	memset(&histogram, 0, sizeof(histogram));
	memset(parts, 0, sizeof(parts));
}

/* --- what a bucket is ------------------------------------------------------------------ */

START_TEST(nothing)
{
	struct histogram_bucket bucket;
	size_t at = 0;

	ck_assert_int_eq(histogram_quantile(&histogram, 0), 0);
	ck_assert_int_eq(histogram_quantile(&histogram, 0.99), 0);
	ck_assert_int_eq(histogram_quantile(&histogram, 1), 0);
	ck_assert(histogram_mean(&histogram) == 0 && histogram_deviation(&histogram) == 0);
	ck_assert(!histogram_next(&histogram, &at, &bucket));
}
END_TEST

/* Each time is in its bucket, and no two buckets have one in common or leave one out. */
START_TEST(buckets_cover_each_time_once)
{
	struct histogram_bucket last = histogram_bucket_of(0);
	size_t count = 1;

	ck_assert_int_eq(last.low, 0);
	while (last.high < HISTOGRAM_MOST) {
		const struct histogram_bucket bucket = histogram_bucket_of(last.high + 1);

		ck_assert_int_eq(bucket.low, last.high + 1);
		ck_assert_int_eq(histogram_bucket_of(bucket.high).low, bucket.low);
		last = bucket;
		count++;
	}
	ck_assert_uint_eq(count, HISTOGRAM_BUCKETS);
}
END_TEST

START_TEST(what_no_bucket_is_for_is_kept)
{
	const int64_t times[] = { -5, 0, 1, HISTOGRAM_MOST, HISTOGRAM_MOST + 1, INT64_MAX };

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		histogram_record(&histogram, times[i]);
	ck_assert_uint_eq(histogram.count, 6);
	ck_assert_int_eq(histogram.min, 0);
	ck_assert_int_eq(histogram.max, INT64_MAX);
	ck_assert_int_eq(histogram_quantile(&histogram, 0), 0);
	ck_assert_int_eq(histogram_quantile(&histogram, 0.5), 1);
	ck_assert_int_eq(histogram_quantile(&histogram, 1), INT64_MAX);
}
END_TEST

START_TEST(one_is_told_exactly)
{
	histogram_record(&histogram, 123456789);
	for (double quantile = 0; quantile <= 1; quantile += 0.125)
		ck_assert_int_eq(histogram_quantile(&histogram, quantile), 123456789);
	ck_assert(histogram_mean(&histogram) == 123456789);
	ck_assert(histogram_deviation(&histogram) == 0);
}
END_TEST

/* 1 to 100 ns have buckets of their own. */
START_TEST(ranks_are_the_nearest)
{
	for (int i = 1; i <= 100; i++)
		histogram_record(&histogram, i);
	for (int i = 1; i <= 100; i++)
		ck_assert_int_eq(histogram_quantile(&histogram, i / 100.0), i);
	ck_assert_int_eq(histogram_quantile(&histogram, 0.985), 99);
	ck_assert(fabs(histogram_mean(&histogram) - 50.5) < 1e-9);
	ck_assert(fabs(histogram_deviation(&histogram) - sqrt((1e4 - 1) / 12)) < 1e-9);
}
END_TEST

START_TEST(many_at_once)
{
	histogram_record_many(&histogram, 1000000, 999999999);
	histogram_record_many(&histogram, 5, 0);
	histogram_record(&histogram, 2000000);
	ck_assert_uint_eq(histogram.count, 1000000000);
	ck_assert_int_eq(histogram.min, 1000000);
	ck_assert_int_le(llabs(histogram_quantile(&histogram, 0.999999999) - 1000000), 4000);
	ck_assert_int_eq(histogram_quantile(&histogram, 1), 2000000);
}
END_TEST

/* --- how far off it tells -------------------------------------------------------------- */

static double
uniform(void)
{
	return ((double)(random_bits() >> 11) + 0.5) / (double)(UINT64_C(1) << 53);
}

static double
exponential(void)
{
	return -log(uniform()) * 200e3;
}

static double
normal(void)
{
	return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
}

static double
lognormal(void)
{
	return exp(log(80e3) + 0.7 * normal());
}

static double
pareto(void)
{
	return 20e3 / pow(uniform(), 1 / 1.2);
}

/* Most are quick, one in 100 waits for a pause of the far end. */
static double
two_peaks(void)
{
	return random_once_in(100) ? 40e6 * (1 + 0.1 * uniform()) : 30e3 * (1 + uniform());
}

static double
flat(void)
{
	return uniform() * 1e9;
}

static double (*const distributions[])(void) = {
	exponential, lognormal, pareto, two_peaks, flat,
};

static int
compare(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static double
error_at(const int64_t *sorted, size_t count, const struct histogram *told, double quantile)
{
	const double rank = ceil(quantile * (double)count - 1e-6);
	const double exact = (double)sorted[rank > 1 ? (size_t)rank - 1 : 0];

	return fabs((double)histogram_quantile(told, quantile) - exact) / fmax(exact, 1);
}

static void
check(int64_t *samples, size_t count, const struct histogram *told, int distribution)
{
	static const double quantiles[] = { 0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999,
	    0.9999, 0.99999, 0.999999, 1 };
	double worst = 0;

	qsort(samples, count, sizeof(*samples), compare);
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		worst = fmax(worst, error_at(samples, count, told, quantiles[i]));
	printf("distribution %d: %zu samples, worst error %.3f %%\n", distribution, count,
	    worst * 100);
	ck_assert_double_le(worst, WORST);
	ck_assert_int_eq(told->min, samples[0]);
	ck_assert_int_eq(told->max, samples[count - 1]);
}

/* Alone, and as the sum of several that saw a part each. */
START_TEST(percentiles_are_right)
{
	const char *given = getenv("HISTOGRAM_SAMPLES");
	const size_t count = given != NULL ? (size_t)atol(given) : SAMPLES;
	int64_t *samples = calloc(count, sizeof(*samples));
	struct histogram sum = { 0 };

	ck_assert_ptr_nonnull(samples);
	random_begin(_i);
	for (size_t i = 0; i < count; i++) {
		samples[i] = (int64_t)distributions[_i]();
		histogram_record(&histogram, samples[i]);
		histogram_record(&parts[i * PARTS / count], samples[i]);
	}
	check(samples, count, &histogram, _i);
	for (size_t i = 0; i < PARTS; i++)
		histogram_add(&sum, &parts[i]);
	ck_assert_mem_eq(&sum, &histogram, sizeof(sum));
	free(samples);
}
END_TEST

/* What a histogram says of its buckets is enough to make it again. */
START_TEST(it_is_made_again_of_its_buckets)
{
	struct histogram_bucket bucket;
	struct histogram again = { 0 };

	random_begin(7);
	for (int i = 0; i < 1000; i++)
		histogram_record(&histogram, (int64_t)(random_bits() >> (1 + random_below(50))));
	for (size_t at = 0; histogram_next(&histogram, &at, &bucket);) {
		ck_assert_uint_gt(bucket.count, 0);
		histogram_record_many(&again, bucket.low, bucket.count);
	}
	ck_assert_uint_eq(again.count, 1000);
	ck_assert_mem_eq(again.buckets, histogram.buckets, sizeof(again.buckets));
}
END_TEST

START_TEST(nothing_adds_nothing)
{
	const struct histogram none = { 0 };
	struct histogram before;

	histogram_record(&histogram, 5);
	before = histogram;
	histogram_add(&histogram, &none);
	ck_assert_mem_eq(&histogram, &before, sizeof(before));
	histogram_add(&parts[0], &histogram);
	ck_assert_mem_eq(&parts[0], &before, sizeof(before));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("histogram");
	TCase *tests = tcase_create("histogram");

	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_add_test(tests, nothing);
	tcase_add_test(tests, buckets_cover_each_time_once);
	tcase_add_test(tests, what_no_bucket_is_for_is_kept);
	tcase_add_test(tests, one_is_told_exactly);
	tcase_add_test(tests, ranks_are_the_nearest);
	tcase_add_test(tests, many_at_once);
	tcase_add_loop_test(tests, percentiles_are_right, 0,
	    sizeof(distributions) / sizeof(distributions[0]));
	tcase_add_test(tests, it_is_made_again_of_its_buckets);
	tcase_add_test(tests, nothing_adds_nothing);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
