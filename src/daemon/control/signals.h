/*
 * What signals ask of the daemon.
 */
#ifndef DAEMON_CONTROL_SIGNALS_H
#define DAEMON_CONTROL_SIGNALS_H

struct server;

/*
 * Before all else: one that means a hand-over waits until there is somebody to hand over, so that
 * it does not end a successor that has hardly begun.
 */
void signals_hold(void);

/*
 * Watches all but those that end it, the one that was held among them.  Returns 0, or -1 with
 * errno; signals_free() ends it.
 */
int signals_watch(struct server *server);

/*
 * Those that end it do so at once until they are watched, and wait for that once they are held: a
 * successor that has taken nothing yet must not take it to end it.  As signals_watch().
 */
void signals_hold_ends(void);
int signals_watch_ends(struct server *server);
void signals_free(struct server *server);

/* From here on a signal has nothing to tell: it must not end the process either. */
void signals_block(void);

#endif
