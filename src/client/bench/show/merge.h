/*
 * Results of several clients as one.
 */
#ifndef CLIENT_BENCH_SHOW_MERGE_H
#define CLIENT_BENCH_SHOW_MERGE_H

#include <stddef.h>

#include "client/bench/result.h"

/* A path, and what is wrong there; a longer path is cut. */
#define BENCH_MERGE_FAULT_SIZE 1024

/*
 * Reads and adds up `count` files, 1 or more.  They have to be of the same target and to keep to a
 * rate, or not, alike; no run counts twice.  Returns a result for bench_result_free(), or NULL with
 * what is wrong in `fault`.
 */
struct bench_result *bench_merge(char *const *paths, size_t count,
    char fault[BENCH_MERGE_FAULT_SIZE]);

#endif
