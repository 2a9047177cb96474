/*
 * Which percentiles are told, and under which names: the same in text and in JSON.
 */
#ifndef CLIENT_BENCH_SHOW_PERCENTILES_H
#define CLIENT_BENCH_SHOW_PERCENTILES_H

struct percentile {
	const char *name; /* "p99.9" */
	double quantile;
};

#define PERCENTILES 8

extern const struct percentile percentiles[PERCENTILES];

#endif
