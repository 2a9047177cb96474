/* What the workers have to tell, beside what they move for the listeners' peers. */
#ifndef DAEMON_OBSERVE_WORKER_ROOM_H
#define DAEMON_OBSERVE_WORKER_ROOM_H

#include "daemon/account/census.h"
#include "daemon/stream/crowds.h"
#include "daemon/threads/workers.h"

struct worker_room;

/*
 * Registers it with `census`, which `workers` and `crowds` outlive.  Returns NULL with errno;
 * worker_room_free() frees it, after the census.
 */
struct worker_room *worker_room_new(struct census *census, const struct workers *workers,
    const struct crowds *crowds);
void worker_room_free(struct worker_room *room);

#endif
