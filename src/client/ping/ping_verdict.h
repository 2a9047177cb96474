/*
 * What a run of ping amounts to: what is wrong with it, in words, and the exit status.  The
 * status is 0 where nothing is, so that the two agree.
 */
#ifndef CLIENT_PING_PING_VERDICT_H
#define CLIENT_PING_PING_VERDICT_H

#include <stdbool.h>

#include "client/ending.h"
#include "client/measure/judge.h"
#include "client/ping/ping_options.h"

struct ping_verdict {
	int status;
	char reason[1024]; /* "": nothing is wrong */
};

/* How it ended. */
struct ping_end {
	enum ending ending;
	bool lost; /* a connection ended early, if not the last one */
	int error; /* its errno; 0: the peer closed it in order */
};

struct ping_verdict ping_judge(const struct ping_options *options, const struct tally *tally,
    const struct ping_end *end, const char *peer);

#endif
