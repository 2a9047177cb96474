/*
 * ping: a message at a time, each reply timed and compared to the last byte; to one target, to
 * several, or to one by several flows.  A run is one loop, in which each of them is a ping.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/descriptors.h"
#include "client/interrupt.h"
#include "client/modes.h"
#include "client/ping/ping_internal.h"
#include "client/ping/ping_outcome.h"
#include "client/report.h"
#include "client/standard.h"
#include "client/timing.h"
#include "client/transport/up.h"

/* --- ends -------------------------------------------------------------------------- */

static void
end_run(struct run *run, enum ending why)
{
	if (run->ended)
		return;
	run->ended = true;
	run->ending = why;
	event_base_loopbreak(run->base);
}

/* While others go on, nothing more is to come of this one. */
static void
stop(struct ping *ping)
{
	event_del(ping->send_timer);
	event_del(ping->wait_timer);
	event_del(ping->silence_timer);
	if (reach_is_under_way(ping->reach))
		reach_break_off(ping->reach);
	channel_close(ping->channel);
}

void
ping_end(struct ping *ping, enum ending why)
{
	struct run *run = ping->run;

	if (ping->ended)
		return;
	ping->ended = true;
	ping->end.ending = why;
	if (--run->left == 0)
		end_run(run, ENDING_DONE);
	else
		stop(ping);
}

/* Ends it with the run.  What it was waiting for at first is told. */
static void
give_up(struct ping *ping, enum ending why)
{
	if (ping->ended)
		return;
	if (!ping->reached && reach_is_under_way(ping->reach) && why != ENDING_STDOUT_FAILED)
		ping->unreached = strdup(reach_break_off(ping->reach));
	ping->ended = true;
	ping->end.ending = why;
}

static void
give_all_up(struct run *run, enum ending why)
{
	for (size_t i = 0; i < run->count && !run->ended; i++)
		give_up(&run->pings[i], why);
	end_run(run, why);
}

/* What has come counts, though the process was stopped. */
static void
break_off(struct run *run, enum ending why)
{
	for (size_t i = 0; i < run->count; i++)
		if (run->pings[i].reached)
			ping_receive_until(&run->pings[i], timing_now());
	give_all_up(run, why);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	break_off(arg, ENDING_DEADLINE);
}

static void
on_interrupt(void *arg)
{
	break_off(arg, ENDING_INTERRUPTED);
}

static void
on_stdout_failed(void *arg)
{
	give_all_up(arg, ENDING_STDOUT_FAILED);
}

static void
on_quit(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	outcome_print(arg, stderr);
}

/* --- the pings --------------------------------------------------------------------------- */

static const struct channel_user channel_user = {
	.readable = ping_receive,
	.writable = ping_send_rest,
	.stranger = ping_on_stranger,
};

static bool
prepare_ping(struct ping *ping)
{
	struct event_base *base = ping->run->base;

	ping->judge = judge_new(ping_is_stream(ping), &ping->options.sizes, ping->options.wait);
	ping->channel = channel_new(base, &ping->options.common.wish);
	if (ping->judge == NULL || ping->channel == NULL)
		return false;
	channel_serve(ping->channel, &channel_user, ping);
	ping->reach = reach_new(base, ping->channel, &ping->options.common.wish);
	ping->begin_timer = evtimer_new(base, ping_on_begin, ping);
	ping->send_timer = evtimer_new(base, ping_on_send, ping);
	ping->wait_timer = evtimer_new(base, ping_on_wait_over, ping);
	ping->silence_timer = evtimer_new(base, ping_on_silence, ping);
	return ping->reach != NULL && ping->begin_timer != NULL && ping->send_timer != NULL &&
	    ping->wait_timer != NULL && ping->silence_timer != NULL;
}

static void
dispose_ping(struct ping *ping)
{
	reach_free(ping->reach);
	channel_free(ping->channel);
	event_free(ping->begin_timer);
	event_free(ping->send_timer);
	event_free(ping->wait_timer);
	event_free(ping->silence_timer);
	judge_free(ping->judge);
	if (ping->run->options.targets.count > 0)
		common_dispose(&ping->options.common);
	free(ping->fault);
	free(ping->unreached);
}

/* --- the run ----------------------------------------------------------------------------- */

/* Makes them, before it is known whether their targets are right: without base or channel. */
static void
make_pings(struct run *run)
{
	struct ping_options *options = &run->options;
	const size_t targets = options->targets.count;

	run->count = run->left = targets > 0 ? targets : options->flows > 0 ? options->flows : 1;
	run->pings = calloc(run->count, sizeof(*run->pings));
	if (run->pings == NULL)
		report_unusable("%s", strerror(errno));
	for (size_t i = 0; i < run->count; i++) {
		run->pings[i].run = run;
		ping_options_for(options, i, &run->pings[i].options);
	}
}

/* Each may need one for strangers, too; and there are those of the run. */
static void
prepare_descriptors(const struct run *run)
{
	const size_t needed = run->count * 2 + 32;
	const size_t most = run->count > 1 ? descriptors_prepare(needed) : 0;

	if (most > 0)
		report_unusable("%zu %s need %zu descriptors: ulimit -Hn allows %zu", run->count,
		    run->options.flows > 0 ? "flows" : "targets", needed, most);
}

static bool
prepare(struct run *run)
{
	prepare_descriptors(run);
	for (size_t i = 0; i < run->count; i++)
		if (!prepare_ping(&run->pings[i]))
			return false;
	run->deadline_timer = evtimer_new(run->base, on_deadline, run);
	run->quit = evsignal_new(run->base, SIGQUIT, on_quit, run);
	return run->deadline_timer != NULL && run->quit != NULL &&
	    event_add(run->quit, NULL) == 0 &&
	    interrupt_watch(run->base, on_interrupt, run) &&
	    standard_watch(run->base, on_stdout_failed, run);
}

static void
dispose(struct run *run)
{
	interrupt_unwatch();
	standard_unwatch();
	for (size_t i = 0; i < run->count; i++)
		dispose_ping(&run->pings[i]);
	event_free(run->deadline_timer);
	event_free(run->quit);
	event_base_free(run->base);
	common_dispose(&run->options.common);
	targets_free(&run->options.targets);
	free(run->pings);
	free(run);
}

/* Several targets begin one after the other, so that they are not asked all at once for ever. */
static void
begin_pings(struct run *run)
{
	const double apart = run->options.targets.count > 0 ?
	    run->options.interval / (double)run->count : 0;

	for (size_t i = 0; i < run->count; i++)
		timing_arm(run->pings[i].begin_timer,
		    run->started + timing_nanoseconds(apart * (double)i));
	event_base_dispatch(run->base);
}

/* Ends the program where nobody is up, unless that was ended before it was known. */
static void
go_through(struct run *run)
{
	const struct ping_options *options = &run->options;
	const struct common_arguments *common = &options->common;
	const char *fault = NULL;
	enum ending ending;

	run->started = timing_now();
	if (options->deadline > 0)
		timing_arm(run->deadline_timer,
		    run->started + timing_nanoseconds(options->deadline));
	ending = up_await(run->base, &common->wish, common->until_up, true, &fault);
	if (ending == ENDING_DONE)
		begin_pings(run);
	else if (!run->ended)
		common_unreached(common, ending, fault);
	else if (run->ending != ENDING_STDOUT_FAILED)
		for (size_t i = 0; i < run->count; i++)
			run->pings[i].unreached = strdup(fault);
}

/* One target that is not reached, by itself, is nothing to talk to. */
static void
check_reached(const struct run *run)
{
	const struct ping *ping = &run->pings[0];

	for (size_t i = 0; i < run->count; i++)
		if (run->pings[i].unreached == NULL)
			return;
	if (run->options.targets.count == 0 && run->ending == ENDING_DONE)
		common_unreached(&ping->options.common, ping->end.ending, ping->unreached);
}

int
ping_main(int argc, char **argv)
{
	struct run *run = calloc(1, sizeof(*run));
	int status;

	if (run == NULL)
		report_unusable("%s", strerror(errno));
	ping_options_read(&run->options, argc, argv);
	make_pings(run);
	run->started = timing_now();
	if (run->options.common.json)
		report_as_object((struct report){ "ping", run->options.targets.count > 0 ? NULL :
		    run->options.common.uri, stdout, outcome_fields, run });
	run->base = timing_base_new(false);
	if (!prepare(run))
		report_unusable("cannot start: %s", strerror(errno));
	go_through(run);
	check_reached(run);
	status = report_flush(outcome_tell(run));
	dispose(run);
	return status;
}
