/*
 * The way out: listening stops, what is on its way is still echoed, and within drain_timeout
 * the rest is aborted.
 */
#ifndef DAEMON_CONTROL_DRAIN_H
#define DAEMON_CONTROL_DRAIN_H

struct server;

/* Makes the timers of a drain.  Returns 0, or -1 where memory ran out; drain_free() frees them. */
int drain_make(struct server *server);
void drain_free(struct server *server);

/* What has not ended by itself is finished, and then aborted, within drain_timeout; or not. */
void drain_arm(struct server *server);
void drain_disarm(struct server *server);

/* Begins a drain, once, for the signal of that name. */
void drain_begin(struct server *server, const char *signal);

/* Ends it now. */
void drain_cut(struct server *server, const char *signal);

#endif
