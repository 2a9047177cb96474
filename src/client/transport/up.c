/* Waiting for a far end that is not up yet: see up.h. */
#include "client/transport/up.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "client/interrupt.h"
#include "client/report.h"
#include "client/timing.h"
#include "client/transport/reach.h"

/* How long a try waits for its answer at most, and when the next one begins at the earliest. */
#define ANSWER_SECONDS 1.0
#define PAUSE_SECONDS 0.1

#define FAULT_SIZE 512

static const char question[] = "echod-client: up?";

struct try {
	struct event_base *base;
	struct channel *channel;
	struct event *timer;
	int64_t over; /* timing_now() when nobody is waited for any more */
	bool answered;
	char fault[FAULT_SIZE];
};

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void
finish(struct try *try, bool answered, const char *fault)
{
	char peer[ADDRESS_TEXT_SIZE];

	try->answered = answered;
	snprintf(try->fault, sizeof(try->fault), "%s: %s", channel_peer(try->channel, peer),
	    fault);
	event_base_loopbreak(try->base);
}

static void
on_readable(void *arg)
{
	struct try *try = arg;
	char answer[sizeof(question)];
	const ssize_t n = channel_receive(try->channel, answer, sizeof(answer), NULL);

	if (n >= 0)
		finish(try, true, "");
	else if (errno != EAGAIN)
		finish(try, false, errno == 0 ? "it closes the connection" : strerror(errno));
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	finish(arg, false, "no answer");
}

static const struct channel_user channel_user = { .readable = on_readable };

static void
run_until(struct try *try, int64_t when)
{
	timing_arm(try->timer, when);
	event_base_dispatch(try->base);
	event_del(try->timer);
}

/* What goes wrong with sending is told to channel_receive() too, or the next try meets it. */
static void
ask(struct try *try)
{
	channel_serve(try->channel, &channel_user, try);
	channel_want_read(try->channel, true);
	channel_send(try->channel, question, sizeof(question));
	run_until(try, earlier(try->over, timing_now() + timing_nanoseconds(ANSWER_SECONDS)));
}

static void
try_once(struct try *try, struct channel_wish wish, bool answers)
{
	const double left = timing_seconds(try->over - timing_now());
	enum ending ending;
	const char *fault;

	if (left < wish.timeout)
		wish.timeout = left > 0.001 ? left : 0.001;
	try->channel = reach_first(try->base, &wish, &ending, &fault);
	if (try->channel == NULL) {
		snprintf(try->fault, sizeof(try->fault), "%s", fault);
		return;
	}
	if (answers)
		ask(try);
	else
		try->answered = true;
	channel_free(try->channel);
	try->channel = NULL;
}

static void
on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

static void
pause_until(struct event_base *base, int64_t when)
{
	struct event *timer = evtimer_new(base, on_pause_over, base);

	if (timer == NULL)
		report_unusable("%s", strerror(ENOMEM));
	timing_arm(timer, when);
	event_base_dispatch(base);
	event_free(timer);
}

void
up_await(struct event_base *base, const struct channel_wish *wish, double seconds, bool answers)
{
	struct try try = { .base = base, .over = timing_now() + timing_nanoseconds(seconds) };
	char fault[FAULT_SIZE] = "";

	if (seconds == 0)
		return;
	try.timer = evtimer_new(base, on_timer, &try);
	if (try.timer == NULL)
		report_unusable("%s", strerror(ENOMEM));
	while (!try.answered && (timing_now() < try.over || *fault == '\0')) {
		const int64_t begun = timing_now();

		try_once(&try, *wish, answers);
		/* One that is cut short by the end says nothing. */
		if (timing_now() < try.over || *fault == '\0')
			memcpy(fault, try.fault, sizeof(fault));
		if (!try.answered && !interrupt_came())
			pause_until(base, earlier(try.over,
			    begun + timing_nanoseconds(PAUSE_SECONDS)));
		if (!try.answered && interrupt_came())
			report_unreached(ENDING_INTERRUPTED, "interrupted, not up so far");
	}
	event_free(try.timer);
	if (!try.answered)
		report_unreached(ENDING_DOWN, "not up after %g seconds: %s", seconds, fault);
}
