/*
 * A result that was written as JSON, read again: by anybody, so nothing in it is taken on trust.
 */
#ifndef CLIENT_BENCH_SHOW_READ_H
#define CLIENT_BENCH_SHOW_READ_H

#include "client/bench/result.h"

/* "latency.uncorrected.buckets[4561]: give ...", and what a JSON parser says. */
#define BENCH_READ_FAULT_SIZE 256

/*
 * Return a result for bench_result_free(), or NULL with what is wrong, and where, in `fault`.  The
 * file is named by whoever tells it.
 */
struct bench_result *bench_read_text(const char *text, size_t size,
    char fault[BENCH_READ_FAULT_SIZE]);
struct bench_result *bench_read_file(const char *path, char fault[BENCH_READ_FAULT_SIZE]);

#endif
