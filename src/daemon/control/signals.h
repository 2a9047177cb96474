/*
 * What signals ask of the daemon.
 */
#ifndef DAEMON_CONTROL_SIGNALS_H
#define DAEMON_CONTROL_SIGNALS_H

struct server;

/* Watches them.  Returns 0, or -1 with errno; signals_free() ends it. */
int signals_watch(struct server *server);
void signals_free(struct server *server);

/* From here on a signal has nothing to tell: it must not end the process either. */
void signals_block(void);

#endif
