/*
 * Which sources have most: connections that are open, and of what happened in the last minute or
 * two those that were opened and refused, and datagrams that were dropped.
 */
#ifndef DAEMON_OBSERVE_PEERS_BUSIEST_H
#define DAEMON_OBSERVE_PEERS_BUSIEST_H

#include <jansson.h>
#include <stdint.h>

#include "daemon/access/sources.h"
#include "daemon/account/census.h"

/* How many sources are told of by their open connections; of the rest VOTE_CANDIDATES are. */
#define BUSIEST_MOST 10

/*
 * From the control thread, at `now`, where nothing happened before `start`, both of clock_ms().
 * Returns an object, or NULL without memory.
 */
json_t *busiest_make(const struct sources *sources, const struct census *census, int64_t now,
    int64_t start);

#endif
