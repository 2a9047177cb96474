/*
 * Who had most of what happened: a majority vote (Boyer and Moore), which takes the same few
 * bytes however many take part, and whose results can be added up.  Where one source had more than
 * half of it, that one leads.
 */
#ifndef DAEMON_ACCOUNT_VOTE_H
#define DAEMON_ACCOUNT_VOTE_H

#include <stdint.h>

#include "net/source_name.h"

/* All zero: nothing happened yet. */
struct vote {
	struct source_name leader;
	uint64_t lead;  /* 0: nobody leads */
	uint64_t total; /* how often it happened */
};

/* It happened once more: of `source`, or of nobody who is known. */
void vote_cast(struct vote *vote, struct source_name source);
void vote_abstain(struct vote *vote);

/* Adds what `other` counted. */
void vote_merge(struct vote *vote, const struct vote *other);

#endif
