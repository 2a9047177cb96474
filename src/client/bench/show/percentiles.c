/* Which percentiles are told: see percentiles.h. */
#include "client/bench/show/percentiles.h"

const struct percentile percentiles[PERCENTILES] = {
	{ "p50", 0.5 }, { "p75", 0.75 }, { "p90", 0.9 }, { "p95", 0.95 }, { "p99", 0.99 },
	{ "p99.9", 0.999 }, { "p99.99", 0.9999 }, { "p99.999", 0.99999 },
};
