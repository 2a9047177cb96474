/* Who had most lately: see recent.h. */
#include "daemon/account/recent.h"

static void
turn(struct recent *recent, int64_t now)
{
	const int64_t period = now / RECENT_PERIOD;

	if (period == recent->period)
		return;
	if (period == recent->period + 1)
		recent->before = recent->now;
	else
		recent->before = (struct vote){ .total = 0 };
	recent->now = (struct vote){ .total = 0 };
	recent->period = period;
}

void
recent_cast(struct recent *recent, struct source_name source, int64_t now)
{
	turn(recent, now);
	vote_cast(&recent->now, source);
}

void
recent_add(struct recent *recent, const struct vote *vote, int64_t now)
{
	turn(recent, now);
	vote_merge(&recent->now, vote);
}

void
recent_read(const struct recent *recent, int64_t now, struct vote *sum)
{
	struct recent turned = *recent;

	turn(&turned, now);
	vote_merge(sum, &turned.before);
	vote_merge(sum, &turned.now);
}

int64_t
recent_reach(int64_t now, int64_t start)
{
	const int64_t reach = RECENT_PERIOD + now % RECENT_PERIOD;

	return reach < now - start ? reach : now - start;
}
