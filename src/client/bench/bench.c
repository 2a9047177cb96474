/* bench: load, every byte of which is compared, and what it costs in time. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/bench/bench_options.h"
#include "client/bench/load/load.h"
#include "client/modes.h"
#include "client/report.h"
#include "client/timing.h"

static void
print(const struct bench_result *result)
{
	printf("%.0f/s  elapsed %.6f cpu %.6f loss %.4f\n", bench_result_rate(result), result->elapsed,
	    result->cpu, bench_result_loss(result));
	for (int i = 0; i < BENCH_COUNTS; i++)
		if (result->counts[i] > 0)
			printf("%12" PRIu64 " %s\n", result->counts[i], bench_count_text(i));
	for (int i = 0; i < BENCH_ERRORS; i++)
		if (result->errors[i] > 0)
			printf("ERROR %6" PRIu64 " %s\n", result->errors[i], bench_error_text(i));
	if (result->fault.is_set)
		printf("first: %s connection %" PRIu64 " message %" PRIu64 " offset %" PRIu64
		    " %s 0x%02x for 0x%02x: %s\n", bench_error_word(result->fault.kind),
		    result->fault.connection, result->fault.message, result->fault.offset,
		    result->fault.has_bytes ? "bytes" : "-", result->fault.got,
		    result->fault.expected, strerror(result->fault.error));
	for (int i = 0; i < BENCH_TIMES; i++)
		printf("%12s p50 %8.1f p90 %8.1f p99 %8.1f max %8.1f us\n", bench_time_word(i),
		    (double)histogram_quantile(&result->times[i], .5) / 1e3,
		    (double)histogram_quantile(&result->times[i], .9) / 1e3,
		    (double)histogram_quantile(&result->times[i], .99) / 1e3,
		    (double)result->times[i].max / 1e3);
}

int
bench_main(int argc, char **argv)
{
	struct bench_options *options = calloc(1, sizeof(*options));
	struct bench_result *result = bench_result_new();
	const char *fault;
	enum ending ending;

	if (options == NULL || result == NULL)
		report_unusable("%s", strerror(errno));
	bench_options_read(options, argc, argv);
	bench_options_asked(options, &result->asked);
	ending = load_run(&options->plan, result, NULL, NULL, &fault);
	if (fault != NULL)
		common_unreached(&options->common, ending, fault);
	print(result);
	printf("%s\n", ending_word(ending));
	return report_flush(bench_result_errors(result) > 0 ? EXIT_WRONG : EXIT_SUCCESS);
}
