/*
 * The corrected latencies as HdrHistogram prints percentiles, which its plotter, wrk2's and others
 * read: milliseconds, five steps on each half of the way to 100 %.
 */
#include <inttypes.h>
#include <math.h>

#include "client/bench/show/file.h"

#define STEPS_EACH_HALF 5
#define MILLISECOND 1e6

static void
print_rows(const struct histogram *histogram, FILE *stream)
{
	struct histogram_bucket bucket;
	uint64_t below = 0;
	double level = 0; /* 0 to 1 */

	for (size_t at = 0; histogram_next(histogram, &at, &bucket);) {
		below += bucket.count;
		while (level * (double)histogram->count <= (double)below && level < 1) {
			const double halves = floor(log2(1 / (1 - level))) + 1;

			fprintf(stream, "%12.6f %2.12f %10" PRIu64 " %14.2f\n",
			    (double)histogram_quantile(histogram, level) / MILLISECOND, level,
			    below, 1 / (1 - level));
			if (below == histogram->count)
				break;
			level += 1 / (STEPS_EACH_HALF * exp2(halves));
		}
	}
	fprintf(stream, "%12.6f %2.12f %10" PRIu64 "\n", (double)histogram->max / MILLISECOND, 1.0,
	    histogram->count);
}

void
bench_hgrm_print(const struct bench_result *result, FILE *stream)
{
	const struct histogram *histogram = &result->times[BENCH_CORRECTED];

	fprintf(stream, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
	    "1/(1-Percentile)");
	if (histogram->count > 0)
		print_rows(histogram, stream);
	fprintf(stream, "#[Mean    = %12.6f, StdDeviation   = %12.6f]\n",
	    histogram_mean(histogram) / MILLISECOND, histogram_deviation(histogram) / MILLISECOND);
	fprintf(stream, "#[Max     = %12.6f, Total count    = %12" PRIu64 "]\n",
	    (double)histogram->max / MILLISECOND, histogram->count);
	fprintf(stream, "#[Buckets = %12d, SubBuckets     = %12d]\n", HISTOGRAM_BUCKETS / 128, 128);
}
