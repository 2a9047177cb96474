/* When the far end fell silent: see outage.h. */
#include "client/measure/outage.h"

void
outage_sent(struct outage *outage, int64_t now)
{
	if (outage->asked == 0)
		outage->asked = now;
}

void
outage_forget(struct outage *outage)
{
	outage->asked = 0;
}

bool
outage_due(const struct outage *outage, int64_t limit, int64_t *at)
{
	*at = outage->asked + limit;
	return outage->asked != 0;
}

bool
outage_begin(struct outage *outage, int64_t since)
{
	if (outage->begun != 0)
		return false;
	outage->begun = since;
	return true;
}

int64_t
outage_heard(struct outage *outage, int64_t now)
{
	const int64_t away = outage->begun != 0 && now > outage->begun ? now - outage->begun : 0;

	outage->asked = outage->begun = 0;
	outage->total += away;
	return away;
}

int64_t
outage_total(const struct outage *outage, int64_t now)
{
	return outage->total + (outage->begun != 0 ? now - outage->begun : 0);
}
