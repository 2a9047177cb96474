/*
 * A restart by hand that ends no connection: what the server hands over to its successor, and how it
 * takes over from another one.  How both speak to each other, give.h and take.h know.
 */
#ifndef DAEMON_CONTROL_HAND_OVER_H
#define DAEMON_CONTROL_HAND_OVER_H

#include <stdbool.h>

#include "base/faults.h"
#include "daemon/config/config.h"
#include "daemon/handover/word.h"

struct server;

/* --- the successor ------------------------------------------------------------------ */

/*
 * Before all else: asks the one that serves, at the path of `config`, for what listens.  Returns 0,
 * or -1 after an error in the log.
 */
int hand_over_ask(struct server *server, const struct config *config);

/* Once they are made, and before they are prepared: what listens is theirs, as on a reload. */
bool hand_over_adopt_listeners(struct server *server, struct faults *faults);
bool hand_over_adopt_http_listeners(struct server *server, struct faults *faults);

/*
 * Once all is prepared and the threads run: makes all there is this process's own.  Returns 0, and
 * it is; or -1 after an error in the log, and the other one serves on.  Where none was asked,
 * nothing happens.
 */
int hand_over_take(struct server *server);

/* Goes on with it, once the configuration is in force. */
void hand_over_adopt(struct server *server);

/* --- the one that serves -------------------------------------------------------------- */

/* How many descriptors it has for that: where successors ask, the one that does, what it brings. */
#define HAND_OVER_FDS (2 + WORD_FDS_MOST)

/* A part of the configuration at the start (parts.h): where a successor may ask. */
bool hand_over_prepare(struct server *server, const struct config *config, struct faults *faults);
void hand_over_commit(struct server *server, const struct config *config);
void hand_over_roll_back(struct server *server);
void hand_over_free(struct server *server);

/*
 * Something else is to happen: gives up a successor that makes ready, for `why`, a constant.
 * Returns true where it was too late: it serves.
 */
bool hand_over_give_up(struct server *server, const char *why);

/* SIGUSR2. */
void hand_over_tell(const struct server *server);

#endif
