/*
 * Tells the log of what has no line for each, refused connections and dropped datagrams: by
 * listener and reason a line in LOG_LIMIT_PERIOD, with how many they were and the source that had
 * most of them.  While nothing is untold no timer runs.
 */
#ifndef DAEMON_OBSERVE_TELLING_H
#define DAEMON_OBSERVE_TELLING_H

#include "daemon/account/census.h"

struct event_base;
struct telling;

/*
 * From here on the control thread, whose loop `base` is, tells what the ledgers of `census` have
 * untold.  Returns NULL where memory ran out; telling_free() frees it, before both of them.
 */
struct telling *telling_new(struct event_base *base, struct census *census);
void telling_free(struct telling *telling);

/* Tells all of it now, due or not; NULL: there is nothing. */
void telling_settle(struct telling *telling);

#endif
