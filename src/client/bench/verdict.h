/*
 * What a run of bench amounts to: its exit status, and in words why that is not 0.  Pure.
 */
#ifndef CLIENT_BENCH_VERDICT_H
#define CLIENT_BENCH_VERDICT_H

#include <jansson.h>

#include "client/bench/result.h"
#include "client/ending.h"
#include "client/measure/threshold.h"

struct bench_verdict {
	int status;
	char reason[1024]; /* "": nothing is wrong; cut where there is more */
};

/*
 * Judges a result by how the run ended and by what is asked of it.  What is lost of datagrams, or
 * late, is none of its faults where a threshold of loss is among those; and that they come in
 * another order never is.
 */
struct bench_verdict bench_judge(const struct bench_result *result, enum ending ending,
    const struct thresholds *thresholds);

/* The names of the thresholds that do not hold, for the JSON object; NULL: no memory. */
json_t *bench_failed(const struct bench_result *result, const struct thresholds *thresholds);

#endif
