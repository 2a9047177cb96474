/* What runs a thread: see loop.h. */
#include "daemon/threads/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"

/* How long after a wait that failed: nanoseconds. */
#define RETRY 100000000

struct event_base *
loop_base_new(const struct loop_settings *settings)
{
	static const char *const methods[] = {
		[EVENT_METHOD_EPOLL] = "epoll",
		[EVENT_METHOD_POLL] = "poll",
		[EVENT_METHOD_SELECT] = "select",
	};
	struct event_config *wanted = event_config_new();
	struct event_base *base = NULL;

	if (wanted == NULL)
		return NULL;
	event_config_set_flag(wanted, EVENT_BASE_FLAG_NOLOCK);
	/* The environment could switch on epoll's changelist, or switch methods off. */
	event_config_set_flag(wanted, EVENT_BASE_FLAG_IGNORE_ENV);
	for (enum event_method i = EVENT_METHOD_EPOLL; i <= EVENT_METHOD_SELECT; i++)
		if (settings->method != EVENT_METHOD_AUTO && settings->method != i)
			event_config_avoid_method(wanted, methods[i]);
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

	/* Nobody cancels a thread; by default the C library would look at each recv and send. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL); /* NOLINT(cert-pos47-c) */
	while (event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY) == -1) {
		log_error_limited("cannot wait for events: %s; trying again", strerror(errno));
		nanosleep(&pause, NULL);
	}
}

struct loop *
loop_new(const struct loop_settings *settings, struct inbox *home)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (loop == NULL)
		return NULL;
	loop->base = loop_base_new(settings);
	if (loop->base == NULL) {
		free(loop);
		return NULL;
	}
	loop->edge_triggered = settings->edge_triggered;
	loop->home = home;
	return loop;
}

void
loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	event_base_free(loop->base);
	free(loop);
}

void
loop_add_caretaker(struct loop *loop, struct caretaker *caretaker)
{
	caretaker->next = loop->caretakers;
	loop->caretakers = caretaker;
}

void
loop_set_bulk(struct loop *loop, struct event *event, bool is_bulk)
{
	if (is_bulk)
		loop->bulk++;
	else
		loop->bulk--;
	event_priority_set(event, is_bulk ? LOOP_PRIORITY_BULK : LOOP_PRIORITY_OTHERS);
}

void
loop_queue_as_bulk(struct loop *loop, struct event *event, int64_t now)
{
	if (loop->bulk == 0)
		loop->bulk_served = now;
	loop_set_bulk(loop, event, true);
}

int
loop_set_timer(struct event *timer, int64_t ms)
{
	const struct timeval delay = { ms / 1000, ms % 1000 * 1000 };

	return event_add(timer, &delay);
}
