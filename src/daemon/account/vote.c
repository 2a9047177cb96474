/* Who had most: see vote.h. */
#include "daemon/account/vote.h"

/* Each vote for another one takes one of the lead. */
static void
count(struct vote *vote, struct source_name source, uint64_t votes)
{
	if (source_name_equal(vote->leader, source)) {
		vote->lead += votes;
	} else if (vote->lead >= votes) {
		vote->lead -= votes;
	} else {
		vote->leader = source;
		vote->lead = votes - vote->lead;
	}
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
	count(vote, other->leader, other->lead);
}
