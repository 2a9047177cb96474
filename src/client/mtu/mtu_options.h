/* The command line of mtu. */
#ifndef CLIENT_MTU_MTU_OPTIONS_H
#define CLIENT_MTU_MTU_OPTIONS_H

#include <stdbool.h>

#include "client/arguments.h"

struct mtu_options {
	struct common_arguments common;
	double wait, deadline; /* seconds */
	long min_mtu, min_mss; /* bytes; 0: no threshold */
	bool quiet;
};

/* Reads it.  Wrong usage ends the program. */
void mtu_options_read(struct mtu_options *options, int argc, char **argv);

#endif
