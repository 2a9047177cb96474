/* Binding a listener to a path or an abstract name: see bind.h for all that has ports. */
#ifndef DAEMON_LISTEN_PATHS_UNIX_BIND_H
#define DAEMON_LISTEN_PATHS_UNIX_BIND_H

#include "daemon/listen/bind.h"

/*
 * As bind_listener().  Where a socket that leaves has the place, it goes on as a duplicate: so
 * nobody who comes meanwhile is refused, and those who wait in its queue are served.
 */
int unix_bind_listener(const struct binding *binding, struct bound *bound, struct faults *faults);

#endif
