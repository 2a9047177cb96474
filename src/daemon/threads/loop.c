/* What the connections and datagram sockets of one worker share: see loop.h. */
#include "daemon/threads/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"

/* How long after a wait that failed: nanoseconds. */
#define RETRY 100000000

/* How long bulk may take before it is looked what else has come: microseconds. */
#define BULK_MOST 1000

/* How long bulk waits for all others: ms. */
#define BULK_WAIT 50

#define MEBIBYTE 1048576

struct event_base *
loop_base_new(const struct config *config)
{
	static const char *const methods[] = { "epoll", "poll", "select" };
	static const struct timeval bulk_most = { 0, BULK_MOST };
	struct event_config *wanted = event_config_new();
	struct event_base *base = NULL;

	if (wanted == NULL)
		return NULL;
	event_config_set_flag(wanted, EVENT_BASE_FLAG_NOLOCK);
	/* The environment could switch on epoll's changelist, or switch methods off. */
	event_config_set_flag(wanted, EVENT_BASE_FLAG_IGNORE_ENV);
	if (config->event_method != EVENT_METHOD_AUTO)
		for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
			if (strcmp(methods[i], event_method_name(config->event_method)) != 0)
				event_config_avoid_method(wanted, methods[i]);
	event_config_set_max_dispatch_interval(wanted, &bulk_most, -1, LOOP_PRIORITY_BULK);
	base = event_base_new_with_config(wanted);
	event_config_free(wanted);
	if (base != NULL && event_base_priority_init(base, LOOP_PRIORITIES) == -1) {
		event_base_free(base);
		return NULL;
	}
	return base;
}

void
loop_run(struct event_base *base)
{
	const struct timespec pause = { .tv_nsec = RETRY };

	while (event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY) == -1) {
		log_error_limited("cannot wait for events: %s; trying again", strerror(errno));
		nanosleep(&pause, NULL);
	}
}

struct loop *
loop_new(const struct config *config, size_t workers, const struct loop_reports *reports)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (loop == NULL)
		return NULL;
	loop->base = loop_base_new(config);
	if (loop->base == NULL) {
		free(loop);
		return NULL;
	}
	loop->edge_triggered = config->edge_triggered;
	loop->reports = *reports;
	loop_set_limits(loop, config, workers);
	for (size_t i = 0; i < CONN_STATE_COUNT; i++)
		TAILQ_INIT(&loop->lists[i]);
	return loop;
}

void
loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	if (loop->pacer != NULL)
		event_free(loop->pacer);
	event_base_free(loop->base);
	free(loop);
}

void
loop_set_limits(struct loop *loop, const struct config *config, size_t workers)
{
	const size_t stalled = (size_t)config->limits.stalled_connections;
	const uint64_t memory = (uint64_t)config->limits.blocked_memory * MEBIBYTE;
	struct loop_limits *limits = &loop->limits;

	atomic_store(&limits->idle, config->limits.idle_timeout * INT64_C(1000));
	atomic_store(&limits->write, config->limits.write_timeout * INT64_C(1000));
	atomic_store(&limits->lifetime, config->limits.lifetime * INT64_C(1000));
	atomic_store(&limits->bandwidth, config->limits.bandwidth_per_connection);
	atomic_store(&limits->stalled, (stalled + workers - 1) / workers);
	atomic_store(&limits->blocked_memory, (memory + workers - 1) / workers);
}

void
loop_prioritize(struct loop *loop, struct event *event, bool sent_much)
{
	const int64_t now = loop_now();
	int priority = LOOP_PRIORITY_OTHERS;

	if (event_get_priority(event) == LOOP_PRIORITY_BULK)
		loop->bulk_served = now;
	if (sent_much || now - loop->bulk_served > BULK_WAIT)
		priority = LOOP_PRIORITY_BULK;
	if (event_get_priority(event) != priority)
		event_priority_set(event, priority);
}

/* Where memory lacks the next beat asks again. */
void
loop_watch(struct loop *loop)
{
	if (loop->watcher != NULL && !event_pending(loop->watcher, EV_TIMEOUT, NULL))
		loop_set_timer(loop->watcher, LOOP_WATCH);
}

int64_t
loop_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int
loop_set_timer(struct event *timer, int64_t ms)
{
	const struct timeval delay = { ms / 1000, ms % 1000 * 1000 };

	return event_add(timer, &delay);
}
