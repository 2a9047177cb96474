/* How threads speak to each other: see inbox.h. */
#include "daemon/threads/inbox.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

STAILQ_HEAD(letters, letter);

struct inbox {
	pthread_mutex_t lock;
	struct letters waiting; /* under the lock */
	_Atomic uint64_t posted, delivered;
	int wakeup;              /* eventfd */
	struct event *readable;
	void *owner;
};

static void
deliver_all(struct inbox *inbox)
{
	struct letters batch = STAILQ_HEAD_INITIALIZER(batch);
	struct letter *letter;

	pthread_mutex_lock(&inbox->lock);
	STAILQ_CONCAT(&batch, &inbox->waiting);
	pthread_mutex_unlock(&inbox->lock);

	while ((letter = STAILQ_FIRST(&batch)) != NULL) {
		STAILQ_REMOVE_HEAD(&batch, next);
		atomic_fetch_add_explicit(&inbox->delivered, 1, memory_order_relaxed);
		letter->deliver(inbox->owner, letter);
	}
}

static void
on_wakeup(evutil_socket_t fd, short what, void *arg)
{
	struct inbox *inbox = arg;
	uint64_t count;

	(void)what;
	/* Read before the queue is taken: a letter posted in between wakes again. */
	(void)!read(fd, &count, sizeof(count));
	deliver_all(inbox);
}

struct inbox *
inbox_new(struct event_base *base, void *owner)
{
	struct inbox *inbox = calloc(1, sizeof(*inbox));

	if (inbox == NULL)
		return NULL;
	pthread_mutex_init(&inbox->lock, NULL);
	STAILQ_INIT(&inbox->waiting);
	inbox->owner = owner;
	inbox->wakeup = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (inbox->wakeup != -1)
		inbox->readable = event_new(base, inbox->wakeup, EV_READ | EV_PERSIST, on_wakeup, inbox);
	if (inbox->readable == NULL || event_add(inbox->readable, NULL) == -1) {
		inbox_free(inbox);
		return NULL;
	}
	return inbox;
}

void
inbox_free(struct inbox *inbox)
{
	const int saved_errno = errno;

	if (inbox == NULL)
		return;
	while (!STAILQ_EMPTY(&inbox->waiting))
		deliver_all(inbox);
	if (inbox->readable != NULL)
		event_free(inbox->readable);
	if (inbox->wakeup != -1)
		close(inbox->wakeup);
	pthread_mutex_destroy(&inbox->lock);
	free(inbox);
	errno = saved_errno;
}

void
inbox_post(struct inbox *inbox, struct letter *letter,
    void (*deliver)(void *owner, struct letter *letter))
{
	const uint64_t one = 1;
	bool first;

	letter->deliver = deliver;
	atomic_fetch_add_explicit(&inbox->posted, 1, memory_order_relaxed);
	pthread_mutex_lock(&inbox->lock);
	first = STAILQ_EMPTY(&inbox->waiting);
	STAILQ_INSERT_TAIL(&inbox->waiting, letter, next);
	pthread_mutex_unlock(&inbox->lock);
	if (first)
		(void)!write(inbox->wakeup, &one, sizeof(one));
}

uint64_t
inbox_posted(struct inbox *inbox)
{
	return atomic_load_explicit(&inbox->posted, memory_order_relaxed);
}

uint64_t
inbox_delivered(struct inbox *inbox)
{
	return atomic_load_explicit(&inbox->delivered, memory_order_relaxed);
}
