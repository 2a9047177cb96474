/* How fast datagrams are sent: see pace.h. */
#include "client/transport/pace.h"

#include "base/gcra.h"

/* What may be made up for: the loop of pipe wakes up a millisecond late.  Nanoseconds. */
#define BURST INT64_C(20000000)

void
pace_init(struct pace *pace, long rate)
{
	*pace = (struct pace){ .cost = gcra_cost(rate) };
}

/* The first time for which gcra_allows() is true. */
int64_t
pace_due(const struct pace *pace)
{
	if (pace->cost == 0)
		return pace->paid;
	return pace->paid + pace->cost - (pace->cost > BURST ? pace->cost : BURST);
}

void
pace_spend(struct pace *pace, int64_t now)
{
	if (pace->cost != 0)
		pace->paid = gcra_pay(pace->paid, pace->cost, now);
}
