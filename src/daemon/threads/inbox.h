/*
 * How threads speak to each other: a queue of messages and an eventfd(2) that
 * wakes the owner's event_base once for a batch.
 *
 * A message lives inside the object that it is about and carries it from thread
 * to thread: who posts an object gives it away, who is handed it owns it.  So
 * posting allocates nothing and cannot fail.
 */
#ifndef DAEMON_THREADS_INBOX_H
#define DAEMON_THREADS_INBOX_H

#include <sys/queue.h>

struct event_base;
struct inbox;

struct message {
	STAILQ_ENTRY(message) next;
	/* Called in the owner's thread, with the owner that inbox_new() was given. */
	void (*deliver)(void *owner, struct message *message);
};

/*
 * Makes an inbox whose messages are delivered by `base`'s loop.  Returns it, or
 * NULL with errno.  The caller frees it by inbox_free(), after the loop has ended
 * and before `base` is freed.
 */
struct inbox *inbox_new(struct event_base *base, void *owner);

/* Messages that were not delivered yet are delivered first. */
void inbox_free(struct inbox *inbox);

/* From any thread.  The message is the inbox's until it is delivered. */
void inbox_post(struct inbox *inbox, struct message *message,
    void (*deliver)(void *owner, struct message *message));

#endif
