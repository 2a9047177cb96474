/* Waiting for a far end that is not up yet: see up.h. */
#include "client/transport/up.h"

#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/report.h"
#include "client/timing.h"
#include "client/transport/reach.h"

/* How long a try waits for its answer at most, and when the next one begins at the earliest. */
#define ANSWER_SECONDS 1.0
#define PAUSE_SECONDS 0.1

static const char question[] = "echod-client: up?";

struct up {
	struct event_base *base;
	struct channel *channel;
	struct event *timer;
	int64_t over;     /* timing_now() when nobody is waited for any more */
	bool waits;       /* for the channel or the timer */
	bool answered;
	bool interrupted; /* a callback broke the loop */
	char *fault;      /* of the last try; NULL: no memory, or none was made */
};

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void __attribute__((format(printf, 2, 3)))
set_fault(struct up *up, const char *format, ...)
{
	va_list args;

	free(up->fault);
	va_start(args, format);
	if (vasprintf(&up->fault, format, args) == -1)
		up->fault = NULL;
	va_end(args);
}

static void
fail(struct up *up, const char *why)
{
	char peer[CHANNEL_TEXT_SIZE];

	set_fault(up, "%s: %s", channel_peer(up->channel, peer), why);
	up->waits = false;
}

static void
on_readable(void *arg)
{
	struct up *up = arg;
	char answer[sizeof(question)];
	const ssize_t n = channel_receive(up->channel, answer, sizeof(answer), NULL);

	if (n >= 0) {
		up->answered = true;
		up->waits = false;
	} else if (errno != EAGAIN) {
		fail(up, channel_error_text(up->channel, errno));
	}
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	((struct up *)arg)->waits = false;
}

static const struct channel_user channel_user = { .readable = on_readable };

static void
run_until(struct up *up, int64_t when)
{
	up->waits = true;
	timing_arm(up->timer, when);
	while (up->waits && !up->interrupted) {
		if (event_base_loop(up->base, EVLOOP_ONCE) == -1)
			report_unusable("%s", strerror(errno));
		up->interrupted = event_base_got_break(up->base);
	}
	event_del(up->timer);
}

/* What goes wrong with sending is told to channel_receive() too, or the next try meets it. */
static void
ask(struct up *up)
{
	fail(up, "no answer");
	channel_serve(up->channel, &channel_user, up);
	channel_want_read(up->channel, true);
	channel_send(up->channel, question, sizeof(question));
	run_until(up, earlier(up->over, timing_now() + timing_nanoseconds(ANSWER_SECONDS)));
}

static void
try_once(struct up *up, struct channel_wish wish, bool answers)
{
	const double left = timing_seconds(up->over - timing_now());
	enum ending ending;
	const char *fault;

	if (left < wish.timeout)
		wish.timeout = left > 0.001 ? left : 0.001;
	up->channel = reach_first(up->base, &wish, &ending, &fault);
	if (up->channel == NULL) {
		set_fault(up, "%s", fault);
		up->interrupted = ending == ENDING_INTERRUPTED;
		return;
	}
	if (answers)
		ask(up);
	else
		up->answered = true;
	channel_free(up->channel);
	up->channel = NULL;
}

/* One that is cut short by the end says nothing, unless it is the first. */
static void
try_again(struct up *up, const struct channel_wish *wish, bool answers)
{
	char *before = up->fault;

	up->fault = NULL;
	try_once(up, *wish, answers);
	if (before != NULL && timing_now() >= up->over) {
		free(up->fault);
		up->fault = before;
	} else {
		free(before);
	}
}

static enum ending
conclude(struct up *up, double seconds, const char **fault)
{
	static char *kept;
	const char *last = up->fault != NULL ? up->fault : strerror(ENOMEM);
	int n;

	if (up->interrupted)
		n = asprintf(&kept, "not up yet: %s", last);
	else
		n = asprintf(&kept, "not up after %g s: %s", seconds, last);
	*fault = n == -1 ? strerror(ENOMEM) : kept;
	return up->interrupted ? ENDING_INTERRUPTED : ENDING_DOWN;
}

enum ending
up_await(struct event_base *base, const struct channel_wish *wish, double seconds, bool answers,
    const char **fault)
{
	struct up up = { .base = base, .over = timing_now() + timing_nanoseconds(seconds) };
	enum ending ending = ENDING_DONE;

	if (seconds == 0)
		return ENDING_DONE;
	up.timer = evtimer_new(base, on_timer, &up);
	if (up.timer == NULL)
		report_unusable("%s", strerror(ENOMEM));
	do {
		const int64_t begun = timing_now();

		try_again(&up, wish, answers);
		if (!up.answered && !up.interrupted)
			run_until(&up, earlier(up.over,
			    begun + timing_nanoseconds(PAUSE_SECONDS)));
	} while (!up.answered && !up.interrupted && timing_now() < up.over);
	event_free(up.timer);
	if (!up.answered || up.interrupted)
		ending = conclude(&up, seconds, fault);
	free(up.fault);
	return ending;
}
