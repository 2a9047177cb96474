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
#include "client/ping/ping_report.h"

struct ping_verdict {
	int status;
	char reason[2048]; /* "": nothing is wrong */
};

/* How it ended. */
struct ping_end {
	enum ending ending;
	bool refused;              /* nobody listens, and nobody was heard: datagrams */
	int trouble;               /* the errno that was told last and no reply followed; 0: none */
	char lost[PING_LOST_SIZE]; /* how the last connection that ended early did; "": none did */
};

/* What is wrong with one target. */
struct ping_verdict ping_judge(const struct ping_options *options, const struct tally *tally,
    const struct ping_end *end, const char *peer);

/* Adds that more is wrong: the status is EXIT_WRONG then, at least. */
void ping_verdict_add(struct ping_verdict *verdict, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
