/* The command line of ping. */
#ifndef CLIENT_PING_PING_OPTIONS_H
#define CLIENT_PING_PING_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/arguments.h"
#include "client/measure/sizes.h"
#include "client/measure/suspects.h"
#include "client/measure/threshold.h"
#include "client/ping/targets.h"

#define FLOWS_MOST SUSPECTS_MOST

struct ping_options {
	struct common_arguments common;
	uint64_t count; /* 0: no end */
	double interval, wait, deadline; /* seconds; deadline 0: none */
	struct sizes sizes;
	struct thresholds thresholds;
	bool quiet, outstanding, timestamp, reconnect;
	int expected_dscp; /* of replies; -1: any */
	bool has_ecn; /* it was asked for */
	bool stream;  /* each step is told as JSON, too */
	size_t flows; /* 0: one, of which nothing is told */
	const char *file;       /* of targets; NULL: none */
	struct targets targets; /* where there may be several; `common` has none then */
	/* Of one ping: */
	size_t flow; /* which one, from 1; 0: none of several */
	char label[4 * ENDPOINT_TEXT_SIZE + 4]; /* what its lines begin with, where there are several */
};

/* Reads it.  Wrong usage ends the program. */
void ping_options_read(struct ping_options *options, int argc, char **argv);

/*
 * Writes to `own` those of ping `number`, from 0: of one of the targets, or of one flow.  It has
 * what common_dispose() is for where there are targets.  Wrong usage ends the program.
 */
void ping_options_for(const struct ping_options *options, size_t number,
    struct ping_options *own);

#endif
