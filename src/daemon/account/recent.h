/*
 * Who had most of what happened lately: in this minute and the one before it.  The minutes are the
 * same for all, so that what several have can be added up.  Pure: the caller has the clock.
 */
#ifndef DAEMON_ACCOUNT_RECENT_H
#define DAEMON_ACCOUNT_RECENT_H

#include <stdint.h>

#include "daemon/account/vote.h"

/* How long each of the two is: ms. */
#define RECENT_PERIOD 60000

/* All zero: nothing happened yet. */
struct recent {
	int64_t period; /* the number of the one that `now` is of */
	struct vote now, before;
};

/* It happened once more, of `source`; or so often as `vote` says.  `now` is of clock_ms(). */
void recent_cast(struct recent *recent, struct source_name source, int64_t now);
void recent_add(struct recent *recent, const struct vote *vote, int64_t now);

/* Adds what happened lately to *sum. */
void recent_read(const struct recent *recent, int64_t now, struct vote *sum);

/* How long that reaches back from `now`, but not beyond `start`: ms. */
int64_t recent_reach(int64_t now, int64_t start);

#endif
