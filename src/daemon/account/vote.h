/*
 * Who had most of what happened: a vote (Boyer and Moore's, with the candidates of Misra and
 * Gries), which takes the same few bytes however many take part, and whose results can be added up.
 * Among so many sources as there are candidates the one with most leads; among more, who had more
 * than a fifth of all is a candidate, and who had more than half leads.
 */
#ifndef DAEMON_ACCOUNT_VOTE_H
#define DAEMON_ACCOUNT_VOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "net/source_name.h"

#define VOTE_CANDIDATES 4

/* All zero: nothing happened yet. */
struct vote {
	struct candidate {
		struct source_name source;
		uint64_t votes; /* at least that often; 0: there is none */
	} candidates[VOTE_CANDIDATES];
	uint64_t total; /* how often it happened */
};

/* It happened once more: of `source`, or of nobody who is known. */
void vote_cast(struct vote *vote, struct source_name source);
void vote_abstain(struct vote *vote);

/* Adds what `other` counted. */
void vote_merge(struct vote *vote, const struct vote *other);

/* The candidate with most votes, or NULL where nobody has any. */
const struct candidate *vote_leader(const struct vote *vote);

#endif
