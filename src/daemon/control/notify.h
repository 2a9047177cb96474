/*
 * What the service manager is told: the protocol of sd_notify(3), by a socket of our own.
 * That function waits for room where the manager does not read; nothing here waits.
 */
#ifndef DAEMON_CONTROL_NOTIFY_H
#define DAEMON_CONTROL_NOTIFY_H

#include <stdbool.h>

struct event_base;
struct notify;

/* What it is told.  What it did not take yet goes out in this order, each word once. */
enum notify_word {
	NOTIFY_TAKEN = 1,     /* the parcel that it kept was: it need not any more */
	NOTIFY_RELOADING = 2, /* a reload begins now; NOTIFY_READY is to end it */
	NOTIFY_READY = 4,     /* it serves, or serves again, with the status */
	NOTIFY_STOPPING = 8,  /* a stop begins, with the status */
	NOTIFY_EXTEND = 16,   /* a stop goes on: this is said again within 15 seconds */
	NOTIFY_STATUS = 32,   /* the status has changed */
};

/* True where a manager listens: the environment has NOTIFY_SOCKET. */
bool notify_is_wanted(void);

/*
 * `status` is the line for "systemctl status".  It stays the caller's, who may change it at
 * any time: what goes out has what it then says.  Returns NULL with errno; notify_free() frees
 * it, and what was not taken by then is lost.
 */
struct notify *notify_new(struct event_base *base, const char *status);
void notify_free(struct notify *notify);

/* Tells those of enum notify_word that are set in `words`: at once, or as soon as it is taken. */
void notify_tell(struct notify *notify, unsigned words);

/*
 * Has it keep a copy of `parcel`, and of no other one, for the next process (manager.h), and close its
 * copy of `mark` once it does, or has refused to.  Both stay the caller's.  Returns 0; or -1 with errno, and it may keep
 * it all the same.
 */
int notify_keep(struct notify *notify, int parcel, int mark);

/* A sign of life: taken at once or lost, since a late one may be a false one. */
void notify_feed_watchdog(struct notify *notify);

#endif
