/*
 * The one that serves, as its successor asks for all that it has: who may, one at a time, step by
 * step, and what becomes of one that fails.  What is handed over, and how, its owner knows.
 *
 * The control thread's, which never waits for a successor: until all of it has been taken nothing
 * has changed, and who is too slow is given up.
 */
#ifndef DAEMON_HANDOVER_GIVE_H
#define DAEMON_HANDOVER_GIVE_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct flight;
struct give;
struct workers;

/* What happens, for its owner, who has all there is. */
struct giver {
	/* Why nothing can be handed over now, a constant; NULL: it can. */
	const char *(*why_not)(void *owner);
	/* Packs what listens for `flight`.  Returns 0, or -1 with errno. */
	int (*show)(void *owner, const struct flight *flight);
	/* A successor is ready: from here on nothing new begins, and workers are about to halt. */
	void (*halt)(void *owner);
	/* They have: packs all there is besides, and changes nothing.  As show(). */
	int (*pack)(void *owner, const struct flight *flight);
	/* It was given up after halt(): all goes on as if nothing had been. */
	void (*go_on)(void *owner);
	/* It has been taken, `stood` ms after halt(); the workers go on once this returns. */
	void (*gone)(void *owner, int64_t stood);
	/* It failed before that, for that reason. */
	void (*failed)(void *owner, const char *why);
	void *owner;
};

/*
 * For a socket that listens, SOCK_SEQPACKET and non-blocking, which stays the caller's.  The
 * workers outlive it.  Returns NULL without memory; give_free() frees it once they were joined
 * and the control thread's inbox is freed.
 */
struct give *give_new(struct event_base *base, int fd, const struct workers *workers,
    const struct giver *giver);
void give_free(struct give *give);

/* From here on successors are listened to.  Returns 0, or -1 with errno. */
int give_serve(struct give *give);

/*
 * Gives up the successor that there is, for `why`, a constant, which it is told.  Returns true
 * where it was too late: all has just been taken, and gone() was called.
 */
bool give_up(struct give *give, const char *why);

/* Nobody may ask any more. */
void give_stop(struct give *give);

/* The process number of the successor that makes ready, or 0: there is none. */
int give_successor(const struct give *give);

#endif
