/*
 * Results of runs that nobody ran, for the tests of what shows them.
 */
#ifndef TESTS_BENCH_SAMPLE_H
#define TESTS_BENCH_SAMPLE_H

#include <stdio.h>
#include <string.h>

#include "client/bench/result.h"
#include "random.h"

#define SAMPLE_STARTED 1795701382.25

/* One of `seconds` seconds, `rate` messages in each, all of them echoed; for bench_result_free(). */
static inline struct bench_result *
sample_result(int seed, uint64_t seconds, uint64_t rate)
{
	struct bench_result *result = bench_result_new();
	const uint64_t messages = seconds * rate;

	random_begin(seed);
	result->runs[0] = (uint64_t)seed;
	result->started = SAMPLE_STARTED;
	result->elapsed = (double)seconds;
	result->cpu = (double)seconds / 4;
	result->asked = (struct bench_asked){ .target = "tcp://127.0.0.1:7", .sizes = "64",
	    .connections = 64, .in_flight = 1, .rate = (double)rate, .seconds = (double)seconds,
	    .warm_up = 0.5, .ramp = 5000, .wait = 1, .threads = 2, .spin = true };
	strcpy(result->address, "127.0.0.1:7");
	result->tls = json_pack("{ss ss}", "version", "TLSv1.3", "cipher", "TLS_AES_256_GCM_SHA384");
	result->counts[BENCH_CONNECTS] = result->counts[BENCH_OPENED] = 64;
	result->counts[BENCH_SENT] = result->counts[BENCH_ECHOED] = messages;
	result->counts[BENCH_SENT_BYTES] = result->counts[BENCH_ECHOED_BYTES] = messages * 64;
	for (uint64_t i = 0; i < messages; i++) {
		const int64_t time = 10000 + (int64_t)random_below(1000000);

		histogram_record(&result->times[BENCH_UNCORRECTED], time);
		histogram_record(&result->times[BENCH_CORRECTED], time * (random_once_in(50) ? 99 : 1));
		histogram_record(&result->times[BENCH_SLIP], (int64_t)random_below(100));
	}
	for (uint64_t i = 0; i < seconds; i++)
		bench_seconds_add(&result->seconds, &(struct bench_second){ .second = i,
		    .sent = rate, .echoed = rate, .echoed_bytes = rate * 64, .connections = 64,
		    .p50 = 20000, .p99 = 90000, .max = 1000000 });
	return result;
}

/* The kinds of fault that nothing but an error makes. */
static inline void
sample_fault(struct bench_result *result)
{
	bench_result_fault(result, BENCH_ERROR_WRONG, &(struct bench_fault){ .at = 1234567890,
	    .connection = 3, .message = 17, .offset = 1088, .has_offset = true, .has_bytes = true,
	    .expected = 0x41, .got = 0x42 });
	result->counts[BENCH_SENT]++;
}

/* What `print` prints, for free(). */
static inline char *
sample_text(void (*print)(const struct bench_result *result, FILE *stream),
    const struct bench_result *result)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	print(result, stream);
	fclose(stream);
	return text;
}

#endif
