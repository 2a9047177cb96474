/*
 * Which blocked connections are ended for what they hold of the kernel's memory: a peer that
 * sends and never reads costs the host more than it costs this process.
 *
 * Two bounds, each shared evenly by the workers: limits.stalled_connections on how many may
 * be stalled, and limits.blocked_memory on what all that are blocked hold together.
 * Beyond either the one of which nothing was taken for longest is aborted first.
 */
#ifndef DAEMON_STREAM_LIMITS_PRESSURE_H
#define DAEMON_STREAM_LIMITS_PRESSURE_H

#include <stdint.h>

#include "daemon/stream/crowd.h"

/* A blocked connection of which the peer takes nothing for this long is stalled: ms. */
#define PRESSURE_STALLED_AFTER 2000

/*
 * Aborts what is beyond the bounds at `now` (clock_ms()), some at a time.  Returns in how many
 * milliseconds that is to be done again, while a connection is blocked.
 */
int64_t pressure_end(struct crowd *crowd, int64_t now);

/*
 * Has the C library give free memory back to the system where connections take much less of it
 * than they did.  At `now` (clock_ms()), but not more often than once a second: it
 * takes milliseconds.
 */
void pressure_give_back(struct crowd *crowd, int64_t now);

#endif
