/*
 * ping: a message at a time, each reply timed and compared to the last byte.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/interrupt.h"
#include "client/modes.h"
#include "client/ping/ping_internal.h"
#include "client/report.h"
#include "client/standard.h"
#include "client/timing.h"
#include "client/transport/up.h"

/* What is received before timers and signals have their turn. */
#define TURN_RECEIVES 64

static void
end(struct ping *ping, enum ending why)
{
	if (ping->ended)
		return;
	ping->ended = true;
	ping->end.ending = why;
	event_base_loopbreak(ping->base);
}

/* True while messages are still to be sent. */
static bool
has_more(const struct ping *ping)
{
	return ping->options.count == 0 || ping->judge->tally.sent < ping->options.count;
}

void
ping_look_for_end(struct ping *ping)
{
	int64_t at;

	if (!has_more(ping) && judge_settled(ping->judge))
		end(ping, ENDING_DONE);
	else if (judge_next_missing(ping->judge, &at))
		timing_arm(ping->wait_timer, at);
	else
		event_del(ping->wait_timer);
}

void
ping_tell_trouble(struct ping *ping, int error)
{
	if (ping->trouble != error)
		ping_print_trouble(&ping->options, ping->peer, error);
	ping->trouble = error;
	if (error != ECONNREFUSED)
		return;
	ping->refused = true;
	outage_forget(&ping->outage); /* its host is there */
}

/* --- receiving ------------------------------------------------------------------- */

static void
take_reply(struct ping *ping, struct reply reply)
{
	ping_print_reply(&ping->options, ping->peer, &reply);
	if (reply.verdict == REPLY_RIGHT)
		ping->trouble = 0;
	ping_look_for_end(ping);
}

/* `error` is 0 where the peer closed in order. */
static void
lose_connection(struct ping *ping, int error)
{
	char text[PING_LOST_SIZE];

	ping_tell_lost(ping->peer, ping->channel, error, text);
	ping_lose(ping, text);
	if (!ping->options.reconnect) {
		end(ping, ending_of_error(error));
		return;
	}
	outage_forget(&ping->outage);
	channel_close(ping->channel);
	ping_look_for_end(ping);
	if (!ping->ended)
		outage_begin(&ping->outage, timing_now());
}

/* These two return false when there is nothing more to read now; *now is when it came. */
static bool
receive_stream(struct ping *ping, int64_t *now)
{
	const size_t size = ping->options.size;
	const ssize_t n = channel_receive(ping->channel, ping->in + ping->partial,
	    size - ping->partial, now);

	if (n == -1) {
		if (errno != EAGAIN)
			lose_connection(ping, errno);
		return false;
	}
	ping_hear(ping, *now);
	ping->partial += (size_t)n;
	if (ping->partial < size)
		return true;
	ping->partial = 0;
	take_reply(ping, judge_stream(ping->judge, ping->in, *now));
	return true;
}

static bool
receive_datagram(struct ping *ping, int64_t *now)
{
	const ssize_t n = channel_receive(ping->channel, ping->in, sizeof(ping->in), now);

	if (n >= 0) {
		ping_hear(ping, *now);
		take_reply(ping, judge_datagram(ping->judge, ping->in, (size_t)n, *now));
	} else if (errno != EAGAIN) {
		ping_tell_trouble(ping, errno);
	}
	return n >= 0;
}

/*
 * Receives what had come by `until`, and a few things more.  Nothing is read after the end: a
 * peer may close at once when it has answered all.
 */
void
ping_receive_until(struct ping *ping, int64_t until)
{
	int64_t now = INT64_MIN;

	for (int i = 0; (i < TURN_RECEIVES || now < until) && !ping->ended; i++)
		if (channel_state(ping->channel) != CHANNEL_OPEN ||
		    !(ping_is_stream(ping) ? receive_stream : receive_datagram)(ping, &now))
			break;
}

static void
receive(void *arg)
{
	ping_receive_until(arg, INT64_MIN);
}

/* It ends nothing and is no reply, whatever it says; one for each message is told. */
static void
on_stranger(void *arg, const unsigned char *head, size_t kept, size_t size)
{
	struct ping *ping = arg;
	char from[CHANNEL_TEXT_SIZE];
	uint64_t seq;

	ping->judge->tally.strangers = channel_strangers(ping->channel, from);
	if (message_read(ping->judge->token, head, kept, &seq))
		outage_forget(&ping->outage); /* another socket would not help */
	else
		seq = 0;
	if (!ping->told_stranger)
		ping_print_stranger(&ping->options, from, strcmp(from, ping->stranger) != 0, seq,
		    size);
	ping->told_stranger = true;
	snprintf(ping->stranger, sizeof(ping->stranger), "%s", from);
}

/* Where the process was stopped, what came meanwhile is read before it is called missing. */
static void
on_wait_over(evutil_socket_t fd, short what, void *arg)
{
	struct ping *ping = arg;
	const int64_t now = timing_now();
	uint64_t seq;

	(void)fd;
	(void)what;
	ping_receive_until(ping, now);
	while (!ping->ended && (seq = judge_take_missing(ping->judge, now)) != 0)
		ping_print_missing(&ping->options, seq);
	ping_look_for_end(ping);
}

/* --- sending --------------------------------------------------------------------- */

/* Returns 0, EAGAIN where it is not taken now, or what is wrong. */
static int
try_datagram(struct ping *ping)
{
	return channel_send(ping->channel, ping->out, ping->options.size) == -1 ? errno : 0;
}

/* Returns how many bytes need no further care, or -1. */
static ssize_t
send_datagram(struct ping *ping)
{
	const int news = try_datagram(ping);
	int error = news;

	/* An ICMP error to an earlier datagram is told once, in place of sending this one. */
	if (news != 0 && news != EAGAIN)
		error = try_datagram(ping);
	if (error != news)
		ping_tell_trouble(ping, news);
	if (error == EAGAIN)
		return -1;
	if ((channel_has_no_way(error) || error == EHOSTUNREACH) && !ping->renewed) {
		ping->renewed = true;
		ping_reconnect(ping);
		return -1;
	}
	if (error != 0)
		ping_tell_trouble(ping, error); /* gone: it is missing */
	return (ssize_t)ping->options.size;
}

/* Sends what is left of the last message. */
void
ping_send_rest(void *arg)
{
	struct ping *ping = arg;
	const unsigned char *rest = ping->out + ping->options.size - ping->unsent;
	ssize_t n;

	if (ping_is_stream(ping))
		n = channel_send(ping->channel, rest, ping->unsent);
	else
		n = send_datagram(ping);
	if (n >= 0)
		ping->unsent -= (size_t)n;
	if (channel_state(ping->channel) == CHANNEL_OPEN)
		channel_want_write(ping->channel, ping->unsent > 0);
}

/* The next message becomes the one that is to be sent. */
static void
take_message(struct ping *ping)
{
	const int64_t now = timing_now();

	ping->blocked = ping->told_stranger = ping->renewed = false;
	judge_write(ping->judge, ping->out);
	ping->unsent = ping->options.size;
	judge_sent(ping->judge, now);
	outage_sent(&ping->outage, now);
}

void
ping_send_message(struct ping *ping)
{
	take_message(ping);
	ping_send_rest(ping);
	ping_watch_silence(ping);
	ping_look_for_end(ping);
}

/* Of datagrams the one that is due is sent, whether or not there is a way. */
static void
begin_again(struct ping *ping)
{
	if (!ping_is_stream(ping))
		take_message(ping);
	ping_reconnect(ping);
	ping_look_for_end(ping);
}

static void
tell_blocked(struct ping *ping)
{
	if (!ping->blocked)
		ping_print_blocked(&ping->options, ping->peer);
	ping->blocked = true;
}

/* Where the process was stopped no burst makes up for it: what was due meanwhile is not sent. */
static void
set_next(struct ping *ping)
{
	const int64_t interval = timing_nanoseconds(ping->options.interval), now = timing_now();

	ping->next_send += interval;
	if (has_more(ping) && ping->next_send < now - interval) {
		const int64_t passed = (now - ping->next_send) / interval + 1;

		ping->judge->tally.unsent += (uint64_t)passed;
		ping->next_send += passed * interval;
	}
}

/* True while one is being made; of a connection a message waits for it. */
static bool
is_connecting(const struct ping *ping)
{
	return reach_is_under_way(ping->reach) ||
	    channel_state(ping->channel) == CHANNEL_CONNECTING;
}

/* A message is due. */
static void
on_send(evutil_socket_t fd, short what, void *arg)
{
	struct ping *ping = arg;

	(void)fd;
	(void)what;
	if (!has_more(ping))
		return; /* the last one was sent when it had connected again */
	if (is_connecting(ping)) {
		ping->judge->tally.unsent++;
	} else if (channel_state(ping->channel) == CHANNEL_CLOSED) {
		begin_again(ping);
	} else if (ping->unsent > 0 || judge_is_full(ping->judge)) {
		ping->judge->tally.unsent++;
		tell_blocked(ping);
	} else {
		ping_send_message(ping);
	}
	set_next(ping);
	if (has_more(ping))
		timing_arm(ping->send_timer, ping->next_send);
}

/* --- signals and the deadline ------------------------------------------------------ */

/* What has come counts, though the process was stopped. */
static void
break_off(struct ping *ping, enum ending why)
{
	ping_receive_until(ping, timing_now());
	end(ping, why);
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
	end(arg, ENDING_STDOUT_FAILED);
}

static void
print_summary(struct ping *ping, FILE *stream)
{
	ping->judge->tally.without = outage_total(&ping->outage, timing_now());
	ping_print_summary(&ping->options, &ping->judge->tally, ping->started, stream);
}

static void
on_quit(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	print_summary(arg, stderr);
}

/* --- start and end ------------------------------------------------------------------- */

static const struct channel_user channel_user = {
	.readable = receive,
	.writable = ping_send_rest,
	.stranger = on_stranger,
};

static bool
prepare(struct ping *ping)
{
	ping->judge = judge_new(ping_is_stream(ping), ping->options.size, ping->options.wait);
	ping->channel = channel_new(ping->base, &ping->options.common.wish);
	if (ping->judge == NULL || ping->channel == NULL)
		return false;
	channel_serve(ping->channel, &channel_user, ping);
	ping->reach = reach_new(ping->base, ping->channel, &ping->options.common.wish);
	ping->send_timer = evtimer_new(ping->base, on_send, ping);
	ping->wait_timer = evtimer_new(ping->base, on_wait_over, ping);
	ping->silence_timer = evtimer_new(ping->base, ping_on_silence, ping);
	ping->deadline_timer = evtimer_new(ping->base, on_deadline, ping);
	ping->quit = evsignal_new(ping->base, SIGQUIT, on_quit, ping);
	return ping->reach != NULL && ping->send_timer != NULL && ping->wait_timer != NULL &&
	    ping->silence_timer != NULL && ping->deadline_timer != NULL && ping->quit != NULL &&
	    event_add(ping->quit, NULL) == 0 &&
	    interrupt_watch(ping->base, on_interrupt, ping) &&
	    standard_watch(ping->base, on_stdout_failed, ping);
}

static void
dispose(struct ping *ping)
{
	interrupt_unwatch();
	standard_unwatch();
	reach_free(ping->reach);
	channel_free(ping->channel);
	event_free(ping->send_timer);
	event_free(ping->wait_timer);
	event_free(ping->silence_timer);
	event_free(ping->deadline_timer);
	event_free(ping->quit);
	event_base_free(ping->base);
	judge_free(ping->judge);
	common_dispose(&ping->options.common);
	free(ping->fault);
	free(ping);
}

static json_t *
fields(const void *arg)
{
	static const struct tally nothing;
	const struct ping *ping = arg;

	return ping_fields(&ping->options, ping->judge != NULL ? &ping->judge->tally : &nothing,
	    ping->started, *ping->peer != '\0' ? ping->channel : NULL);
}

/* Tells how it ended before anybody was reached. */
static int
conclude_unreached(struct ping *ping)
{
	if (report_is_object())
		return report_object(ping->end.ending, ping->unreached, EXIT_USAGE);
	report_fault("%s", ping->unreached);
	print_summary(ping, stdout);
	return EXIT_USAGE;
}

/* Tells how it ended.  Returns the exit status. */
static int
conclude(struct ping *ping)
{
	const struct ping_options *options = &ping->options;
	struct tally *tally = &ping->judge->tally;
	struct ping_verdict verdict;

	if (ping->unreached != NULL)
		return conclude_unreached(ping);
	tally->without = outage_total(&ping->outage, timing_now());
	verdict = ping_judge(options, tally, &ping->end, ping->peer);
	if (report_is_object())
		return report_object(ping->end.ending, verdict.reason, verdict.status);
	print_summary(ping, stdout);
	ping_print_thresholds(options, tally);
	return verdict.status;
}

static void
talk(struct ping *ping)
{
	struct tally *tally = &ping->judge->tally;

	channel_peer(ping->channel, ping->peer);
	channel_want_read(ping->channel, true);
	ping_print_start(&ping->options, ping->peer);
	ping_print_connected(&ping->options, ping->peer, ping->channel);
	ping->started = ping->next_send = timing_now();
	timing_arm(ping->send_timer, ping->next_send);
	if (!ping->ended)
		event_base_dispatch(ping->base);
	if (ping_is_stream(ping) && is_connecting(ping))
		tally->unsent++; /* the one that waits for it */
	ping->end.trouble = ping->trouble;
	ping->end.refused = ping->refused && tally->received + tally->corrupt == 0;
	if (ping->end.refused && ping->end.ending != ENDING_INTERRUPTED &&
	    ping->end.ending != ENDING_STDOUT_FAILED)
		ping->end.ending = ENDING_REFUSED;
}

/* Ends the program where nobody is reached, unless that was ended before it was known. */
static void
run(struct ping *ping)
{
	const struct ping_options *options = &ping->options;
	const struct common_arguments *common = &options->common;
	const char *fault = NULL;
	enum ending ending;

	ping->started = timing_now();
	if (options->deadline > 0)
		timing_arm(ping->deadline_timer,
		    ping->started + timing_nanoseconds(options->deadline));
	ending = up_await(ping->base, &common->wish, common->until_up, true, &fault);
	if (ending == ENDING_DONE)
		ending = reach_now(ping->reach, &fault);
	if (ending == ENDING_DONE)
		talk(ping);
	else if (!ping->ended)
		common_unreached(common, ending, fault);
	else if (ping->end.ending != ENDING_STDOUT_FAILED)
		ping->unreached = fault;
}

int
ping_main(int argc, char **argv)
{
	struct ping *ping = calloc(1, sizeof(*ping));
	int status;

	if (ping == NULL)
		report_unusable("%s", strerror(errno));
	ping_options_read(&ping->options, argc, argv);
	ping->started = timing_now();
	if (ping->options.common.json)
		report_as_object((struct report){ "ping", ping->options.common.uri, stdout, fields,
		    ping });
	ping->base = timing_base_new(false);
	if (!prepare(ping))
		report_unusable("cannot start: %s", strerror(errno));
	run(ping);
	status = report_flush(conclude(ping));
	dispose(ping);
	return status;
}
