/*
 * The one that serves, as the service manager restarts it: all that it has goes into a parcel, and
 * the manager keeps the one end of the flight (flight.h) until the next process takes it from there
 * (sd_notify(3), FDSTORE=1).  What is packed, and how the manager is spoken to, its owner knows.
 *
 * The control thread's, which never waits: until the manager has it nothing has changed.
 */
#ifndef DAEMON_HANDOVER_DEPOSIT_H
#define DAEMON_HANDOVER_DEPOSIT_H

#include <stdint.h>

#include "daemon/handover/flight.h"

struct deposit;
struct event_base;
struct workers;

/* What happens, for its owner, who has all there is. */
struct depositor {
	/* From here on nothing new begins, and workers are about to halt. */
	void (*halt)(void *owner);
	/* They have: packs all there is for `flight`, and changes nothing.  Returns 0, or -1 with errno. */
	int (*pack)(void *owner, const struct flight *flight);
	/*
	 * Has the manager keep a copy of `parcel`, and close its copy of `mark` when it does, or has
	 * refused to.  Returns 0, or -1 with errno.
	 */
	int (*keep)(void *owner, int parcel, int mark);
	/* It was given up after halt(): all goes on as if nothing had been. */
	void (*go_on)(void *owner);
	/* The manager has it, `stood` ms after halt(); the workers go on once this returns. */
	void (*kept)(void *owner, int64_t stood);
	/* It failed for that reason, and again: it is not tried any more.  After go_on(). */
	void (*failed)(void *owner, const char *why);
	void *owner;
};

/*
 * Outside of the sandbox.  The workers outlive it.  Returns NULL with errno; deposit_free() frees it
 * once they were joined and the control thread's inbox is freed.
 */
struct deposit *deposit_new(struct event_base *base, const struct workers *workers,
    const struct depositor *depositor);
void deposit_free(struct deposit *deposit);

/* Begins it, once: kept() or failed() will be called, unless it is given up. */
void deposit_begin(struct deposit *deposit);

/* Gives it up, without failed(); where none is under way, nothing happens. */
void deposit_give_up(struct deposit *deposit);

/* How often it is tried, and how many descriptors it has, for each try its own. */
#define DEPOSIT_TRIES 3
#define DEPOSIT_FDS (DEPOSIT_TRIES * (FLIGHT_FDS + 2))

#endif
