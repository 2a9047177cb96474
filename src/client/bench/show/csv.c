/* A row a second, with commas between: RFC 4180, but for its ends of lines. */
#include <inttypes.h>

#include "client/bench/show/file.h"
#include "client/timing.h"

/* Nothing of a second in which nothing came back. */
static void
print_time(int64_t nanoseconds, bool any, FILE *stream)
{
	if (any)
		fprintf(stream, ",%.9f", timing_seconds(nanoseconds));
	else
		fputc(',', stream);
}

void
bench_csv_print(const struct bench_result *result, FILE *stream)
{
	fputs("second,sent,echoed,echoed_bytes,not_sent,errors,connections,"
	    "p50_seconds,p99_seconds,max_seconds\n", stream);
	for (size_t i = 0; i < result->seconds.count; i++) {
		const struct bench_second *row = &result->seconds.rows[i];

		fprintf(stream, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
		    ",%" PRIu64 ",%" PRIu64, row->second, row->sent, row->echoed,
		    row->echoed_bytes, row->not_sent, row->errors, row->connections);
		print_time(row->p50, row->echoed > 0, stream);
		print_time(row->p99, row->echoed > 0, stream);
		print_time(row->max, row->echoed > 0, stream);
		fputc('\n', stream);
	}
}
