/*
 * ping: a message at a time, each reply timed and compared to the last byte.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "client/modes.h"
#include "client/ping/ping_options.h"
#include "client/ping/ping_report.h"
#include "client/ping/ping_verdict.h"
#include "client/report.h"
#include "client/timing.h"
#include "client/transport/reach.h"
#include "client/transport/up.h"

/* What is received before timers and signals have their turn. */
#define TURN_RECEIVES 64

struct ping {
	struct ping_options options;
	struct judge *judge;
	struct channel *channel;
	char peer[ADDRESS_TEXT_SIZE];
	struct event_base *base;
	struct event *send_timer, *wait_timer, *deadline_timer;
	struct event *interrupt, *quit;
	int64_t started, next_send; /* timing_now() */
	size_t unsent;  /* bytes of the last message that the socket did not take */
	size_t partial; /* bytes of a reply that have come: streams */
	int trouble;    /* the errno that was told last: what goes on is told once */
	bool refused;   /* nobody listens for datagrams */
	bool blocked;   /* the peer took no more bytes when that was last told */
	bool ended;
	struct ping_end end;
	unsigned char out[MESSAGE_MOST], in[MESSAGE_MOST + 1];
};

static bool
is_stream(const struct ping *ping)
{
	return channel_is_stream(&ping->options.common.wish);
}

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

/* After each reply and each wait that is over: that may have been the last. */
static void
look_for_end(struct ping *ping)
{
	int64_t at;

	if (!has_more(ping) && judge_settled(ping->judge))
		end(ping, ENDING_DONE);
	else if (judge_next_missing(ping->judge, &at))
		timing_arm(ping->wait_timer, at);
	else
		event_del(ping->wait_timer);
}

static void
tell_trouble(struct ping *ping, int error)
{
	if (ping->trouble != error)
		ping_print_trouble(&ping->options, ping->peer, error);
	ping->trouble = error;
	ping->refused |= error == ECONNREFUSED;
}

/* --- receiving ------------------------------------------------------------------- */

static void
take_reply(struct ping *ping, struct reply reply)
{
	ping_print_reply(&ping->options, ping->peer, &reply);
	if (reply.verdict == REPLY_RIGHT)
		ping->trouble = 0;
	if (report_stdout_fails())
		end(ping, ENDING_INTERRUPTED);
	look_for_end(ping);
}

/* `error` is 0 where the peer closed in order. */
static void
lose_connection(struct ping *ping, int error)
{
	ping_print_lost(&ping->options, ping->peer, error);
	ping->end.lost = true;
	ping->end.error = error;
	judge_cut(ping->judge);
	if (!ping->options.reconnect) {
		end(ping, ending_of_error(error));
		return;
	}
	channel_close(ping->channel);
	look_for_end(ping);
}

/* These two return false when there is nothing more to read now. */
static bool
receive_stream(struct ping *ping)
{
	const size_t size = ping->options.size;
	int64_t now;
	const ssize_t n = channel_receive(ping->channel, ping->in + ping->partial,
	    size - ping->partial, &now);

	if (n == -1) {
		if (errno != EAGAIN)
			lose_connection(ping, errno);
		return false;
	}
	ping->partial += (size_t)n;
	if (ping->partial < size)
		return true;
	ping->partial = 0;
	take_reply(ping, judge_stream(ping->judge, ping->in, now));
	return true;
}

static bool
receive_datagram(struct ping *ping)
{
	int64_t now;
	const ssize_t n = channel_receive(ping->channel, ping->in, sizeof(ping->in), &now);

	if (n >= 0)
		take_reply(ping, judge_datagram(ping->judge, ping->in, (size_t)n, now));
	else if (errno != EAGAIN)
		tell_trouble(ping, errno);
	return n >= 0;
}

/* Nothing is read after the end: a peer may close at once when it has answered all. */
static void
receive(void *arg)
{
	struct ping *ping = arg;

	for (int i = 0; i < TURN_RECEIVES && !ping->ended; i++)
		if (!(is_stream(ping) ? receive_stream(ping) : receive_datagram(ping)))
			break;
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
	if (channel_state(ping->channel) == CHANNEL_OPEN)
		receive(ping);
	while (!ping->ended && (seq = judge_take_missing(ping->judge, now)) != 0)
		ping_print_missing(&ping->options, seq);
	look_for_end(ping);
}

/* --- sending --------------------------------------------------------------------- */

/* An ICMP error to an earlier datagram is told once, in place of sending this one. */
static ssize_t
send_datagram(struct ping *ping)
{
	const size_t size = ping->options.size;
	ssize_t n = channel_send(ping->channel, ping->out, size);

	if (n == -1 && (errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH)) {
		tell_trouble(ping, errno);
		n = channel_send(ping->channel, ping->out, size);
	}
	if (n == -1 && errno != EAGAIN) {
		tell_trouble(ping, errno);
		return (ssize_t)size; /* gone: it is missing */
	}
	return n;
}

/* Sends what is left of the last message. */
static void
send_rest(void *arg)
{
	struct ping *ping = arg;
	const unsigned char *rest = ping->out + ping->options.size - ping->unsent;
	ssize_t n;

	if (is_stream(ping))
		n = channel_send(ping->channel, rest, ping->unsent);
	else
		n = send_datagram(ping);
	if (n >= 0)
		ping->unsent -= (size_t)n;
	channel_want_write(ping->channel, ping->unsent > 0);
}

static void
send_message(struct ping *ping)
{
	ping->blocked = false;
	judge_write(ping->judge, ping->out);
	ping->unsent = ping->options.size;
	judge_sent(ping->judge, timing_now());
	send_rest(ping);
	look_for_end(ping);
}

/* --- connecting again -------------------------------------------------------------- */

/* The message that was due is sent at once. */
static void
on_connected(void *arg, int error)
{
	struct ping *ping = arg;

	if (error != 0) {
		ping->judge->tally.unsent++;
		if (ping->trouble != error)
			report_fault("cannot connect to %s: %s", ping->peer, strerror(error));
		ping->trouble = error;
		return;
	}
	ping->trouble = 0;
	channel_want_read(ping->channel, true);
	ping_print_connected(&ping->options, ping->peer, ping->channel);
	send_message(ping);
}

/* A new connection starts a new stream: what was on its way is gone with the old one. */
static void
reconnect(struct ping *ping)
{
	int error;

	ping->partial = ping->unsent = 0;
	error = channel_connect(ping->channel, NULL, on_connected, ping);
	if (error != 0)
		on_connected(ping, error);
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

/* A message is due. */
static void
on_send(evutil_socket_t fd, short what, void *arg)
{
	struct ping *ping = arg;
	const enum channel_state state = channel_state(ping->channel);

	(void)fd;
	(void)what;
	if (!has_more(ping))
		return; /* the last one was sent by on_connected() */
	if (state == CHANNEL_CLOSED) {
		reconnect(ping);
	} else if (state == CHANNEL_CONNECTING) {
		ping->judge->tally.unsent++; /* one waits for the connection already */
	} else if (ping->unsent > 0 || judge_is_full(ping->judge)) {
		ping->judge->tally.unsent++;
		tell_blocked(ping);
	} else {
		send_message(ping);
	}
	set_next(ping);
	if (has_more(ping))
		timing_arm(ping->send_timer, ping->next_send);
}

/* --- signals and the deadline ------------------------------------------------------ */

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	end(arg, ENDING_DEADLINE);
}

static void
on_interrupt(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	end(arg, ENDING_INTERRUPTED);
}

static void
on_quit(evutil_socket_t fd, short what, void *arg)
{
	const struct ping *ping = arg;

	(void)fd;
	(void)what;
	ping_print_summary(&ping->options, &ping->judge->tally, ping->started, stderr);
}

/* --- start and end ------------------------------------------------------------------- */

/* Where stdout blocks nothing else would end it. */
static void
let_a_second_interrupt_kill(void)
{
	struct sigaction action;

	if (sigaction(SIGINT, NULL, &action) == -1)
		return;
	action.sa_flags |= (int)SA_RESETHAND;
	sigaction(SIGINT, &action, NULL);
}

static const struct channel_user channel_user = { .readable = receive, .writable = send_rest };

static bool
prepare(struct ping *ping)
{
	ping->judge = judge_new(is_stream(ping), ping->options.size, ping->options.wait);
	if (ping->judge == NULL)
		return false;
	channel_serve(ping->channel, &channel_user, ping);
	channel_want_read(ping->channel, true);
	ping->send_timer = evtimer_new(ping->base, on_send, ping);
	ping->wait_timer = evtimer_new(ping->base, on_wait_over, ping);
	ping->deadline_timer = evtimer_new(ping->base, on_deadline, ping);
	ping->interrupt = evsignal_new(ping->base, SIGINT, on_interrupt, ping);
	ping->quit = evsignal_new(ping->base, SIGQUIT, on_quit, ping);
	if (ping->send_timer == NULL || ping->wait_timer == NULL || ping->deadline_timer == NULL ||
	    ping->interrupt == NULL || ping->quit == NULL ||
	    event_add(ping->interrupt, NULL) == -1 || event_add(ping->quit, NULL) == -1)
		return false;
	let_a_second_interrupt_kill();
	return true;
}

static void
dispose(struct ping *ping)
{
	channel_free(ping->channel);
	event_free(ping->send_timer);
	event_free(ping->wait_timer);
	event_free(ping->deadline_timer);
	event_free(ping->interrupt);
	event_free(ping->quit);
	event_base_free(ping->base);
	judge_free(ping->judge);
	free(ping);
}

static json_t *
fields(const void *arg)
{
	static const struct tally nothing;
	const struct ping *ping = arg;

	return ping_fields(&ping->options, ping->judge != NULL ? &ping->judge->tally : &nothing,
	    ping->started, ping->channel);
}

/* Tells how it ended.  Returns the exit status. */
static int
conclude(const struct ping *ping)
{
	const struct ping_options *options = &ping->options;
	const struct tally *tally = &ping->judge->tally;
	const struct ping_verdict verdict = ping_judge(options, tally, &ping->end, ping->peer);

	if (report_is_object())
		return report_object(ping->end.ending, verdict.reason, verdict.status);
	ping_print_summary(options, tally, ping->started, stdout);
	ping_print_thresholds(options, tally);
	return verdict.status;
}

static int
run(struct ping *ping)
{
	const struct ping_options *options = &ping->options;
	const struct tally *tally = &ping->judge->tally;

	ping_print_start(options, ping->peer);
	ping_print_connected(options, ping->peer, ping->channel);
	ping->started = ping->next_send = timing_now();
	if (options->deadline > 0)
		timing_arm(ping->deadline_timer,
		    ping->started + timing_nanoseconds(options->deadline));
	timing_arm(ping->send_timer, ping->next_send);
	event_base_dispatch(ping->base);
	if (channel_state(ping->channel) == CHANNEL_CONNECTING)
		ping->judge->tally.unsent++; /* the one that waits for it */
	if (ping->end.ending == ENDING_DONE && ping->refused &&
	    tally->received + tally->corrupt == 0)
		ping->end.ending = ENDING_REFUSED;
	return report_flush(conclude(ping));
}

int
ping_main(int argc, char **argv)
{
	struct ping *ping = calloc(1, sizeof(*ping));
	enum ending ending;
	char fault[512];
	int status;

	if (ping == NULL)
		report_unusable("%s", strerror(errno));
	ping_options_read(&ping->options, argc, argv);
	ping->started = timing_now();
	if (ping->options.common.json)
		report_as_object((struct report){ "ping", ping->options.common.uri, stdout, fields,
		    ping });
	ping->base = timing_base_new(false);
	up_await(ping->base, &ping->options.common.wish, ping->options.common.until_up, true);
	ping->channel = reach(ping->base, &ping->options.common.wish, &ending, fault,
	    sizeof(fault));
	if (ping->channel == NULL)
		common_unreached(&ping->options.common, ending, fault);
	channel_peer(ping->channel, ping->peer);
	if (!prepare(ping))
		report_unusable("cannot start: %s", strerror(errno));
	status = run(ping);
	dispose(ping);
	return status;
}
