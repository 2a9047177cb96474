/* How often a message may be logged: see log_limit.h. */
#include "base/log_limit.h"

static bool
is_over(const struct log_limit *limit, int64_t now)
{
	return !limit->begun || now >= limit->until;
}

bool
log_limit_allows(struct log_limit *limit, int64_t now)
{
	if (!is_over(limit, now)) {
		limit->suppressed++;
		return false;
	}
	limit->begun = true;
	limit->until = now + LOG_LIMIT_PERIOD;
	return true;
}

uint64_t
log_limit_settle(struct log_limit *limit, int64_t now)
{
	const uint64_t suppressed = limit->suppressed;

	if (!is_over(limit, now) || suppressed == 0)
		return 0;
	limit->suppressed = 0;
	limit->until = now + LOG_LIMIT_PERIOD;
	return suppressed;
}
