/* The connections of one worker: see crowd.h. */
#include "daemon/stream/crowd.h"

#include <event2/event.h>
#include <stdlib.h>

#include "daemon/stream/secure_room.h"

struct crowd *
crowd_new(struct loop *loop, void (*closed)(void *control, struct letter *letter))
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));

	if (crowd == NULL)
		return NULL;
	crowd->loop = loop;
	crowd->closed = closed;
	for (size_t i = 0; i < CONN_STATE_COUNT; i++)
		TAILQ_INIT(&crowd->lists[i]);
	return crowd;
}

void
crowd_free(struct crowd *crowd)
{
	if (crowd == NULL)
		return;
	if (crowd->pacer != NULL)
		event_free(crowd->pacer);
	if (crowd->watcher != NULL)
		event_free(crowd->watcher);
	secure_room_free(crowd->secure);
	free(crowd);
}

void
crowd_set_limits(struct crowd *crowd, const struct crowd_limits *limits, size_t crowds)
{
	atomic_store(&crowd->limits.idle, limits->idle);
	atomic_store(&crowd->limits.write, limits->write);
	atomic_store(&crowd->limits.lifetime, limits->lifetime);
	atomic_store(&crowd->limits.bandwidth, limits->bandwidth);
	atomic_store(&crowd->limits.handshake, limits->handshake);
	atomic_store(&crowd->limits.handshakes, limits->handshakes);
	atomic_store(&crowd->limits.stalled, (limits->stalled + crowds - 1) / crowds);
	atomic_store(&crowd->limits.blocked_memory, (limits->blocked_memory + crowds - 1) / crowds);
}

void
crowd_take_memory(struct crowd *crowd, size_t size)
{
	crowd->own_memory += size;
	if (crowd->own_memory > crowd->own_most)
		crowd->own_most = crowd->own_memory;
}

void
crowd_drop_memory(struct crowd *crowd, size_t size)
{
	crowd->own_memory -= size;
}

/* Where memory lacks the next beat asks again. */
void
crowd_watch(struct crowd *crowd)
{
	if (crowd->watcher != NULL && !event_pending(crowd->watcher, EV_TIMEOUT, NULL))
		loop_set_timer(crowd->watcher, CROWD_WATCH);
}
