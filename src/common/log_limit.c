/* How often a message may be logged: see log_limit.h. */
#include "common/log_limit.h"

static uint64_t
take(struct log_limit *limit)
{
	const uint64_t suppressed = limit->suppressed;

	limit->suppressed = 0;
	return suppressed;
}

static bool
is_over(const struct log_limit *limit, int64_t now)
{
	return !limit->begun || now >= limit->until;
}

bool
log_limit_allows(struct log_limit *limit, int64_t now, uint64_t *suppressed)
{
	*suppressed = 0;
	if (!is_over(limit, now)) {
		limit->suppressed++;
		return false;
	}
	*suppressed = take(limit);
	limit->begun = true;
	limit->until = now + LOG_LIMIT_PERIOD;
	return true;
}

uint64_t
log_limit_settle(struct log_limit *limit, int64_t now)
{
	return is_over(limit, now) ? take(limit) : 0;
}
