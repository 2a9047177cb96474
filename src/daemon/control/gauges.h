/*
 * What the server itself has to tell, beside what its listeners' peers amount to.
 */
#ifndef DAEMON_CONTROL_GAUGES_H
#define DAEMON_CONTROL_GAUGES_H

struct server;

/* Registers it with the server's census. */
void gauges_register(struct server *server);

#endif
