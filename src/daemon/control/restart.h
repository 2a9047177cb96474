/*
 * A restart by the service manager that ends no connection (SIGUSR2).  The manager starts the next
 * process only when this one is gone: so what cannot travel, which is what speaks TLS and who asks
 * how it does, ends first, as in a drain, while all else is served as ever; then all there is goes
 * into a parcel, which the manager keeps (daemon/handover/deposit.h).  Where it does not, this is a
 * drain.
 */
#ifndef DAEMON_CONTROL_RESTART_H
#define DAEMON_CONTROL_RESTART_H

#include <stdbool.h>

struct server;

/* Outside of the sandbox.  Where a service manager listens, and it fails, the log says so. */
void restart_make(struct server *server);
void restart_free(struct server *server);

/* Begins it. */
void restart_begin(struct server *server);

/* A connection has ended: perhaps it was the last that could not travel. */
void restart_look(struct server *server);

/* It is to stop instead, and not to be started again; where no restart is under way as well. */
void restart_give_up(struct server *server);

/*
 * Most of drain_timeout is over, and all of it: finishes what cannot travel, and aborts it.  Returns
 * false where no restart is under way.
 */
bool restart_finish(struct server *server);
bool restart_cut(struct server *server);

/* The exit status of a server that served. */
int restart_status(const struct server *server);

#endif
