/*
 * A restart that ends no connection: what the server hands over to its successor.  How both speak to
 * each other where that is done by hand, daemon/handover/give.h knows; how a service manager does
 * it, restart.h.
 */
#ifndef DAEMON_CONTROL_HAND_OVER_H
#define DAEMON_CONTROL_HAND_OVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/faults.h"
#include "daemon/config/config.h"
#include "daemon/handover/pack.h"
#include "daemon/handover/word.h"

struct server;

/* Whose all of it is that is handed over, or taken over. */
struct rooms hand_over_rooms(struct server *server);

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
void hand_over_tell(struct server *server);

/*
 * What a restart by the service manager has in common with one by hand; `owner` is the server.
 * Before all stands still its configuration is kept as text: returns 0, or -1 with errno.  Then, as
 * give.h and deposit.h have it: nothing new begins; all of it is packed for `flight`; it goes on; it
 * is another process's.
 */
int hand_over_keep_configuration(struct server *server);
void hand_over_halt(void *owner);
int hand_over_pack_whole(void *owner, const struct flight *flight);
void hand_over_go_on(void *owner);
void hand_over_gone(void *owner, int64_t stood);

#endif
