/*
 * mtu: the longest datagram, or segment, that comes back.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/interrupt.h"
#include "client/measure/message.h"
#include "client/modes.h"
#include "client/mtu/mtu_internal.h"
#include "client/report.h"
#include "client/standard.h"
#include "client/timing.h"
#include "client/transport/reach.h"
#include "client/transport/up.h"

static bool
is_stream(const struct mtu *run)
{
	return channel_is_stream(&run->options.common.wish);
}

void
mtu_end(struct mtu *run, enum ending why)
{
	if (run->ended)
		return;
	run->ended = true;
	run->found.ending = why;
	event_base_loopbreak(run->base);
}

/* --- timers and signals --------------------------------------------------------------- */

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct mtu *run = arg;

	(void)fd;
	(void)what;
	if (is_stream(run))
		mtu_on_timer_of_segments(run);
	else
		mtu_on_timer_of_datagrams(run);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	mtu_end(arg, ENDING_DEADLINE);
}

static void
on_interrupt(void *arg)
{
	mtu_end(arg, ENDING_INTERRUPTED);
}

static void
on_stdout_failed(void *arg)
{
	mtu_end(arg, ENDING_STDOUT_FAILED);
}

/* --- start and end ------------------------------------------------------------------- */

static bool
prepare(struct mtu *run)
{
	run->token = message_token();
	run->timer = evtimer_new(run->base, on_timer, run);
	run->deadline_timer = evtimer_new(run->base, on_deadline, run);
	return run->timer != NULL && run->deadline_timer != NULL &&
	    interrupt_watch(run->base, on_interrupt, run) &&
	    standard_watch(run->base, on_stdout_failed, run);
}

static void
dispose(struct mtu *run)
{
	interrupt_unwatch();
	standard_unwatch();
	channel_free(run->channel);
	event_free(run->timer);
	event_free(run->deadline_timer);
	event_base_free(run->base);
	common_dispose(&run->options.common);
	free(run);
}

static double
seconds_since(int64_t started)
{
	return timing_seconds(timing_now() - started);
}

static json_t *
fields(const void *arg)
{
	const struct mtu *run = arg;

	return mtu_fields(&run->options, &run->found, run->channel, seconds_since(run->started));
}

/* Tells how it ended.  Returns the exit status. */
static int
conclude(struct mtu *run)
{
	const struct mtu_verdict verdict = mtu_judge(&run->options, &run->found, run->peer);
	char reason[MTU_REASONS_MAX * (MTU_REASON_SIZE + 2)] = "";
	size_t used = 0;

	for (size_t i = 0; i < verdict.count; i++)
		used += (size_t)snprintf(reason + used, sizeof(reason) - used, "%s%s",
		    i > 0 ? ", " : "", verdict.reasons[i]);
	if (report_is_object())
		return report_object(run->found.ending, reason, verdict.status);
	mtu_print_summary(&run->options, &run->found, &verdict, seconds_since(run->started));
	return verdict.status;
}

static void
talk(struct mtu *run)
{
	channel_serve(run->channel, is_stream(run) ? &mtu_segments_user : &mtu_datagrams_user,
	    run);
	channel_peer(run->channel, run->peer);
	channel_want_read(run->channel, true);
	mtu_print_start(&run->options, run->peer, run->channel);
	run->started = timing_now();
	if (is_stream(run))
		mtu_begin_segments(run);
	else
		mtu_begin_datagrams(run);
	if (!run->ended)
		event_base_dispatch(run->base);
}

/* Returns the exit status; ends the program where nobody is reached. */
static int
run_it(struct mtu *run)
{
	struct common_arguments *common = &run->options.common;
	const char *fault = NULL;
	enum ending ending;

	timing_arm(run->deadline_timer, run->started + timing_nanoseconds(run->options.deadline));
	ending = up_await(run->base, &common->wish, common->until_up, true, &fault);
	common->wish.probing = true; /* whether it is up is asked without */
	if (ending == ENDING_DONE)
		run->channel = reach_first(run->base, &common->wish, &ending, &fault);
	if (run->channel != NULL) {
		talk(run);
		return conclude(run);
	}
	if (!run->ended)
		common_unreached(common, ending, fault);
	if (run->found.ending != ENDING_STDOUT_FAILED)
		report_unreached(run->found.ending, "%s", fault);
	return EXIT_WRONG;
}

int
mtu_main(int argc, char **argv)
{
	struct mtu *run = calloc(1, sizeof(*run));
	int status;

	if (run == NULL)
		report_unusable("%s", strerror(errno));
	mtu_options_read(&run->options, argc, argv);
	run->started = timing_now();
	if (run->options.common.json)
		report_as_object((struct report){ "mtu", run->options.common.uri, stdout, fields,
		    run });
	run->base = timing_base_new(false);
	if (!prepare(run))
		report_unusable("cannot start: %s", strerror(errno));
	status = report_flush(run_it(run));
	dispose(run);
	return status;
}
