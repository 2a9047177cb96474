/* What a run of bench is asked for, as the threads of its load see it. */
#ifndef CLIENT_BENCH_LOAD_PLAN_H
#define CLIENT_BENCH_LOAD_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/bench/load/mix.h"
#include "client/transport/channel.h"

#define PLAN_SOURCES_MAX 64

struct plan {
	const struct channel_wish *wish;
	struct mix sizes;
	size_t connections; /* of all threads */
	size_t in_flight;   /* messages on each of them */
	unsigned threads;
	double rate;       /* messages a second, of all connections; 0: as fast as they come back */
	double seconds;    /* 0: as long as it takes for `messages` */
	uint64_t messages; /* 0: as many as there is time for */
	double ramp;       /* connections opened a second */
	double warm_up;    /* seconds, of which nothing is counted */
	double wait;       /* seconds, until a message is missing */
	bool churn;        /* each message goes over a connection of its own */
	bool spin;         /* threads do not sleep */
	size_t source_count;
	struct address sources[PLAN_SOURCES_MAX]; /* connections take turns at them */
};

/* When what happens.  Nanoseconds of timing_now(). */
struct times {
	int64_t begin; /* the first message is due */
	int64_t from;  /* what is due from now on counts */
	int64_t end;   /* nothing begins any more; INT64_MAX: when the last message came back */
	int64_t late;  /* what comes back from now on prolongs what is counted */
};

#endif
