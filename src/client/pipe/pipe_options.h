/* The command line of pipe. */
#ifndef CLIENT_PIPE_PIPE_OPTIONS_H
#define CLIENT_PIPE_PIPE_OPTIONS_H

#include <stdbool.h>

#include "client/arguments.h"

struct pipe_options {
	struct common_arguments common;
	bool compare, quiet;
	double wait; /* seconds */
	long rate;   /* datagrams a second; 0: no limit, as of a stream */
};

/* Reads it.  Wrong usage ends the program. */
void pipe_options_read(struct pipe_options *options, int argc, char **argv);

#endif
