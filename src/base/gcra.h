/*
 * Rates, as the generic cell rate algorithm has them: what was taken is paid for by time,
 * and all that is kept is the time until which that is done.  Pure: no clock of its own.
 * Times are microseconds of any clock that never goes back.
 */
#ifndef BASE_GCRA_H
#define BASE_GCRA_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Returns until when `units` more are paid for, at `rate` per second (above 0), where the
 * ones before are until `paid_until` (0: none).  Unused time is not saved up.
 */
int64_t gcra_pay(int64_t paid_until, uint64_t units, int64_t rate, int64_t now);

/* True while more was taken than its time has come for, by more than `ahead`. */
bool gcra_exceeded(int64_t paid_until, int64_t ahead, int64_t now);

#endif
