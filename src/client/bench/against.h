/*
 * Two targets compared: the same load on each in turn, several times, since a single difference is
 * noise; and of each figure the ratio, round by round, with its spread.
 */
#ifndef CLIENT_BENCH_AGAINST_H
#define CLIENT_BENCH_AGAINST_H

#include <jansson.h>
#include <stdio.h>

#include "client/bench/result.h"

#define AGAINST_ROUNDS_LEAST 3
#define AGAINST_ROUNDS_MAX 100

/* The results of one round: of the target, and of the one that it is compared with. */
struct against_round {
	struct bench_result *results[2]; /* NULL: not yet */
};

struct against {
	const char *uris[2];
	size_t count; /* of rounds that are whole */
	struct against_round rounds[AGAINST_ROUNDS_MAX];
};

/* Frees the results. */
void against_dispose(struct against *against);

/* A figure of both: the first divided by the second, round by round. */
struct against_ratio {
	const char *name;
	double median, least, most; /* NAN: it has none */
};

#define AGAINST_RATIOS 4

/* The rate, and of the corrected times p50, p99 and p99.9. */
void against_ratios(const struct against *against, struct against_ratio ratios[AGAINST_RATIOS]);

/* Prints them, with what they say: nothing, of fewer rounds than AGAINST_ROUNDS_LEAST. */
void against_print(const struct against *against, FILE *stream);

/* The fields of the JSON object; NULL: no memory. */
json_t *against_fields(const struct against *against);

#endif
