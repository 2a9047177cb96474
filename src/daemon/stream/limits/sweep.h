/*
 * Ends the connections of a crowd whose time is up: idle and old ones, blocked ones whose
 * peers take nothing, silent ones in a drain, those that linger for a peer.
 */
#ifndef DAEMON_STREAM_LIMITS_SWEEP_H
#define DAEMON_STREAM_LIMITS_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/account/counters.h"
#include "daemon/stream/crowd.h"

/*
 * Before the crowd's loop runs: makes the sweep the caretaker of the crowd, and the crowd's
 * watcher.  Returns false where memory ran out.
 */
bool sweep_look_after(struct crowd *crowd);

/*
 * Ends what is due at `now` (clock_ms()).  Returns in how many milliseconds the
 * next connection may be due, at most `most`.
 */
int64_t sweep_due(struct crowd *crowd, int64_t now, int64_t most);

/*
 * Looks at `now` at those connections that wait, for their peers or for their time: ends those
 * whose peers are gone, or have taken all that was left for them, and what pressure.h says.
 * Returns in how many milliseconds that is to be done again; 0: nobody waits.
 */
int64_t sweep_watch(struct crowd *crowd, int64_t now);

/* Finishes all connections, whether silent or not; or those that cannot travel alone. */
void sweep_finish_all(struct crowd *crowd, enum close_reason reason, bool tied_alone);

/* Aborts them. */
void sweep_abort_all(struct crowd *crowd, enum close_reason reason, bool tied_alone);

#endif
