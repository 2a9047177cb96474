/*
 * Two targets compared: the same load on each in turn, several times, since a single difference is
 * noise; and of each figure the ratio, round by round, with its spread.
 *
 * One is said to be better where in at least AGAINST_ROUNDS_TOLD rounds all that the one had of a
 * figure lies above all that the other had.  Of two that are alike n rounds come out so, one way or
 * the other, in 2 of (2n)!/(n!)^2 cases: 1 of 10 for 3 rounds, 1 of 35 for 4, 1 of 126 for 5.  So at
 * least one of the four figures is wrong in at most 3.2 % of such comparisons.  That all ratios lie on
 * one side of 1 would be too little: for each figure that is 1 of 16 for 5 rounds.
 */
#ifndef CLIENT_BENCH_AGAINST_H
#define CLIENT_BENCH_AGAINST_H

#include <jansson.h>
#include <stdio.h>

#include "client/bench/result.h"

#define AGAINST_ROUNDS_LEAST 3
#define AGAINST_ROUNDS_TOLD 5
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

/* Which of the two has more of a figure. */
enum against_side {
	AGAINST_FEW,    /* there are too few rounds to tell */
	AGAINST_NEITHER,
	AGAINST_FIRST,
	AGAINST_SECOND,
};

/* A figure of both: the first divided by the second, of each round where there is some of either. */
struct against_ratio {
	const char *name;
	double median, least, most; /* NAN: it has none */
	enum against_side more;
};

#define AGAINST_RATIOS 4

/* The rate, and of the corrected times p50, p99 and p99.9. */
void against_ratios(const struct against *against, struct against_ratio ratios[AGAINST_RATIOS]);

/* Prints them, with what they say: nothing, of fewer rounds than AGAINST_ROUNDS_TOLD. */
void against_print(const struct against *against, FILE *stream);

/* The fields of the JSON object; NULL: no memory. */
json_t *against_fields(const struct against *against);

#endif
