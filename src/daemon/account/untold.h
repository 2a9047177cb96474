/*
 * What happened so often that the log has no line for each: how often since the last line, and
 * who had most of it.  A line is due once in LOG_LIMIT_PERIOD.  Pure: the caller has the clock.
 */
#ifndef DAEMON_ACCOUNT_UNTOLD_H
#define DAEMON_ACCOUNT_UNTOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log_limit.h"
#include "daemon/account/vote.h"

/* All zero: nothing happened yet. */
struct untold {
	int64_t next; /* when there may be a line again; clock_ms() */
	struct vote vote;
};

/* True where a line may be written at `now` for what just happened: then that is told. */
bool untold_allows(struct untold *untold, int64_t now);

/* True where what is untold is due at `now`: then it is in *told, and forgotten here. */
bool untold_settle(struct untold *untold, int64_t now, struct vote *told);

#endif
