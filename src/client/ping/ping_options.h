/* The command line of ping. */
#ifndef CLIENT_PING_PING_OPTIONS_H
#define CLIENT_PING_PING_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/arguments.h"
#include "client/measure/threshold.h"

struct ping_options {
	struct common_arguments common;
	uint64_t count; /* 0: no end */
	double interval, wait, deadline; /* seconds; deadline 0: none */
	size_t size;
	struct thresholds thresholds;
	bool quiet, outstanding, timestamp, reconnect;
};

/* Reads it.  Wrong usage ends the program. */
void ping_options_read(struct ping_options *options, int argc, char **argv);

#endif
