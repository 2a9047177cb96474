/* Rates: see gcra.h. */
#include "base/gcra.h"

#define SECOND 1000000

int64_t
gcra_pay(int64_t paid_until, uint64_t units, int64_t rate, int64_t now)
{
	const int64_t start = paid_until > now ? paid_until : now;

	return start + (int64_t)(units * SECOND / (uint64_t)rate);
}

bool
gcra_exceeded(int64_t paid_until, int64_t ahead, int64_t now)
{
	return paid_until > now + ahead;
}
