/*
 * Rates, as the generic cell rate algorithm (ITU-T I.371) has them: what was taken is paid for
 * by time, and all that is kept is the time until which that is done.  Unused time is not
 * saved up.  Pure: no clock of its own.  Times are nanoseconds of any clock that never goes
 * back: in microseconds a rate of 30,000 a second would let 30,303 pass.
 */
#ifndef BASE_GCRA_H
#define BASE_GCRA_H

#include <stdbool.h>
#include <stdint.h>

#define GCRA_SECOND INT64_C(1000000000)

/* What one unit costs at `rate` per second; 0 where `rate` is 0, which is no limit. */
static inline int64_t
gcra_cost(int64_t rate)
{
	return rate > 0 ? GCRA_SECOND / rate : 0;
}

/* Until when all is paid for, where `cost` more is taken and what was before is until `paid`. */
static inline int64_t
gcra_pay(int64_t paid, int64_t cost, int64_t now)
{
	return (paid > now ? paid : now) + cost;
}

/* True while what was taken is paid for later than `ahead` from now. */
static inline bool
gcra_is_ahead(int64_t paid, int64_t ahead, int64_t now)
{
	return paid > now + ahead;
}

/*
 * True where `cost` more may be taken, of which as much as `burst` pays for at once.  A rate so
 * low that one unit costs more than a burst has lets one pass at a time.
 */
static inline bool
gcra_allows(int64_t paid, int64_t cost, int64_t burst, int64_t now)
{
	return !gcra_is_ahead(gcra_pay(paid, cost, now), cost > burst ? cost : burst, now);
}

#endif
