/* The command line of bench. */
#ifndef CLIENT_BENCH_BENCH_OPTIONS_H
#define CLIENT_BENCH_BENCH_OPTIONS_H

#include <stdbool.h>

#include "client/arguments.h"
#include "client/bench/load/plan.h"
#include "client/bench/result.h"
#include "client/measure/threshold.h"

struct bench_options {
	struct common_arguments common;
	struct plan plan; /* of the URI; its wish is that of `common` */
	const char *sizes; /* as it was written */
	struct thresholds thresholds;
	const char *against; /* another URI; NULL: none */
	struct common_arguments other; /* what is meant by it */
	unsigned rounds;     /* of both */
	const char *csv, *svg, *hgrm; /* paths; NULL: not asked for */
	bool merge;
	int file_count; /* what is to be merged */
	char **files;
};

/* Reads it.  Wrong usage ends the program. */
void bench_options_read(struct bench_options *options, int argc, char **argv);

/* What is asked for of one of the targets, as results have it. */
void bench_options_asked(const struct bench_options *options,
    const struct common_arguments *common, struct bench_asked *asked);

#endif
