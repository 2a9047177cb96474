/* What the listeners in force have to tell, beside what their peers amount to. */
#ifndef DAEMON_OBSERVE_LISTENER_ROOM_H
#define DAEMON_OBSERVE_LISTENER_ROOM_H

#include "daemon/account/census.h"
#include "daemon/listen/listeners.h"

/* Registers it with `census`: `room` and `listeners` outlive that. */
void listener_room_register(struct census_room *room, struct census *census,
    struct listeners *listeners);

#endif
