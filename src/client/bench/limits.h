/*
 * What of this host limits how many connections there can be: descriptors, and the ports of the
 * addresses that they come from.
 */
#ifndef CLIENT_BENCH_LIMITS_H
#define CLIENT_BENCH_LIMITS_H

#include "client/bench/load/plan.h"

/* What is wrong, in words, and room. */
#define LIMITS_TEXT_SIZE 256

/*
 * Raises the limit of descriptors as far as it goes.  Returns NULL, or why the connections of the
 * plan cannot be, in `text`.
 */
const char *limits_prepare(const struct plan *plan, char text[LIMITS_TEXT_SIZE]);

/*
 * Returns NULL, or in `text` that the plan opens connections faster than ports become free again,
 * which stay taken for a while after their connections (TIME_WAIT), beyond the loopback.
 */
const char *limits_churn(const struct plan *plan, char text[LIMITS_TEXT_SIZE]);

#endif
