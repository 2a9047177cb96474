/* Time as the client measures it: see timing.h. */
#include "client/timing.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/report.h"

#define SECOND INT64_C(1000000000)

int64_t
timing_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

int64_t
timing_nanoseconds(double seconds)
{
	return (int64_t)(seconds * (double)SECOND);
}

double
timing_seconds(int64_t nanoseconds)
{
	return (double)nanoseconds / (double)SECOND;
}

struct timeval
timing_timeval(double seconds)
{
	const int64_t us = timing_nanoseconds(seconds) / 1000;

	return (struct timeval){ us / 1000000, us % 1000000 };
}

/* What libevent said last: where that was why it gives up, on_fatal() tells it. */
static char last_words[256];

static void
on_log(int severity, const char *text)
{
	if (severity == EVENT_LOG_ERR)
		snprintf(last_words, sizeof(last_words), "%s", text);
	else if (!report_is_object())
		report_fault("%s", text);
}

static void
on_fatal(int error)
{
	(void)error;
	report_unusable("%s", last_words);
}

/*
 * Without these flags a timer counts from when the loop woke up, by a clock that ticks
 * every few milliseconds, and goes off early.
 */
struct event_base *
timing_base_new(bool any_file)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	event_set_log_callback(on_log);
	event_set_fatal_callback(on_fatal);
	/* epoll refuses regular files: poll takes anything. */
	if (config != NULL && event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) == 0 &&
	    event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME) == 0 &&
	    (!any_file || event_config_require_features(config, EV_FEATURE_FDS) == 0))
		base = event_base_new_with_config(config);
	if (base == NULL)
		report_unusable("cannot start: %s", strerror(errno));
	event_config_free(config);
	return base;
}

void
timing_arm(struct event *timer, int64_t at)
{
	const int64_t left = at - timing_now();
	const int64_t us = left > 0 ? (left + 999) / 1000 : 0;
	const struct timeval delay = { us / 1000000, us % 1000000 };

	if (event_add(timer, &delay) == -1)
		report_unusable("out of memory");
}
