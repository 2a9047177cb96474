/*
 * How threads speak to each other: a queue of letters and an eventfd(2) that
 * wakes the owner's event_base once for a batch.
 *
 * A letter lives inside the object that it is about and carries it from thread
 * to thread: who posts an object gives it away, who is handed it owns it.  So
 * posting allocates nothing and cannot fail.
 */
#ifndef DAEMON_THREADS_INBOX_H
#define DAEMON_THREADS_INBOX_H

#include <stdint.h>
#include <sys/queue.h>

struct event_base;
struct inbox;

struct letter {
	STAILQ_ENTRY(letter) next;
	/* Called in the owner's thread, with the owner that inbox_new() was given. */
	void (*deliver)(void *owner, struct letter *letter);
};

/*
 * Makes an inbox whose letters are delivered by `base`'s loop.  Returns it, or
 * NULL with errno.  The caller frees it by inbox_free(), after the loop has ended
 * and before `base` is freed.
 */
struct inbox *inbox_new(struct event_base *base, void *owner);

/* Letters that were not delivered yet are delivered first. */
void inbox_free(struct inbox *inbox);

/* From any thread.  The letter is the inbox's until it is delivered. */
void inbox_post(struct inbox *inbox, struct letter *letter,
    void (*deliver)(void *owner, struct letter *letter));

/* How many letters were posted and how many delivered so far, from any thread. */
uint64_t inbox_posted(struct inbox *inbox);
uint64_t inbox_delivered(struct inbox *inbox);

#endif
