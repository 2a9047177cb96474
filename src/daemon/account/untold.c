/* What the log has not told yet: see untold.h. */
#include "daemon/account/untold.h"

#include <string.h>

bool
untold_allows(struct untold *untold, int64_t now)
{
	if (now < untold->next)
		return false;
	untold->next = now + LOG_LIMIT_PERIOD;
	return true;
}

bool
untold_settle(struct untold *untold, int64_t now, struct vote *told)
{
	if (untold->vote.total == 0 || !untold_allows(untold, now))
		return false;
	*told = untold->vote;
	memset(&untold->vote, 0, sizeof(untold->vote));
	return true;
}
