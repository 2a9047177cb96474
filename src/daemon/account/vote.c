/* Who had most: see vote.h. */
#include "daemon/account/vote.h"

#include <stddef.h>

/* The candidate that `source` is, or else the one with the fewest votes. */
static struct candidate *
find_place(struct vote *vote, struct source_name source)
{
	struct candidate *candidate, *least = vote->candidates;

	for (candidate = vote->candidates; candidate < vote->candidates + VOTE_CANDIDATES;
	    candidate++) {
		if (candidate->votes > 0 && source_name_equal(candidate->source, source))
			return candidate;
		if (candidate->votes < least->votes)
			least = candidate;
	}
	return least;
}

/* For one more source than there are places, votes cancel each other out: one of each. */
static void
count(struct vote *vote, struct source_name source, uint64_t votes)
{
	struct candidate *place = find_place(vote, source);
	const bool is_own = place->votes > 0 && source_name_equal(place->source, source);
	uint64_t cancelled;

	if (!is_own) {
		cancelled = place->votes < votes ? place->votes : votes;
		for (size_t i = 0; i < VOTE_CANDIDATES && cancelled > 0; i++)
			vote->candidates[i].votes -= cancelled;
		votes -= cancelled;
	}
	if (votes > 0)
		*place = (struct candidate){ source, is_own ? place->votes + votes : votes };
}

void
vote_cast(struct vote *vote, struct source_name source)
{
	vote->total++;
	count(vote, source, 1);
}

void
vote_abstain(struct vote *vote)
{
	vote->total++;
}

void
vote_merge(struct vote *vote, const struct vote *other)
{
	vote->total += other->total;
	for (size_t i = 0; i < VOTE_CANDIDATES; i++)
		count(vote, other->candidates[i].source, other->candidates[i].votes);
}

const struct candidate *
vote_leader(const struct vote *vote)
{
	const struct candidate *leader = &vote->candidates[0];

	for (size_t i = 1; i < VOTE_CANDIDATES; i++)
		if (vote->candidates[i].votes > leader->votes)
			leader = &vote->candidates[i];
	return leader->votes > 0 ? leader : NULL;
}
