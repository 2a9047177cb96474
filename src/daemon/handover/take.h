/*
 * The successor, as it takes over all that another process serves: asks for it, step by step, and
 * in the end takes it.  Until then that process serves, whatever becomes of this one.
 *
 * It waits, for so long at most: it serves nobody yet.
 */
#ifndef DAEMON_HANDOVER_TAKE_H
#define DAEMON_HANDOVER_TAKE_H

#include <stdbool.h>

#include "daemon/handover/flight.h"

struct take;

/*
 * Asks the one that serves at `path`, the name of a Unix socket, for what listens.  Outside of the
 * sandbox.  Returns NULL after an error in the log.  take_free() frees it, at any time: what was
 * not taken is still the other one's.
 */
struct take *take_begin(const char *path);
void take_free(struct take *take);

/* What listens: copies, which are whoever's they are taken out to. */
struct cargo *take_sockets(struct take *take);

/*
 * All is made ready: has the other one halt and pack.  Returns 0, with *all there is, which lives
 * as long as `take`, or NULL: the other one is gone, and nothing is left but what listens; or -1
 * after an error in the log.
 */
int take_all(struct take *take, struct cargo **all);

/*
 * Takes it, unless the other one has gone on.  Returns true, and it is this process's alone; or
 * false after an error in the log.
 */
bool take_commit(struct take *take);

/* The process number of the other one. */
int take_from(const struct take *take);

#endif
