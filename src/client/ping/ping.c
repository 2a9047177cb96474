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
#include "client/report.h"
#include "client/timing.h"
#include "client/transport/reach.h"

/* What is received before timers and signals have their turn. */
#define TURN_RECEIVES 64

struct ping {
	struct ping_options options;
	struct judge *judge;
	struct channel *channel;
	struct reach *reach;
	char peer[ADDRESS_TEXT_SIZE];
	struct event_base *base;
	struct event *send_timer, *wait_timer, *deadline_timer;
	struct event *interrupt, *quit;
	int64_t started, next_send; /* timing_now() */
	size_t unsent;  /* bytes of the last message that the socket did not take */
	size_t partial; /* bytes of a reply that have come: streams */
	int trouble;    /* the errno that was told last: what goes on is told once */
	char *fault;    /* the same of why it could not connect again, NULL: nothing was told */
	bool refused;   /* nobody listens for datagrams */
	bool lost;      /* a connection ended early */
	bool blocked;   /* the peer took no more bytes when that was last told */
	bool unreached; /* nobody was, and it was told why */
	bool ended;
	enum ending end;
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
	ping->end = why;
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
	ping->lost = true;
	if (!ping->options.reconnect)
		end(ping, ending_of_error(error));
	else
		channel_close(ping->channel);
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
on_reached(void *arg, const char *fault)
{
	struct ping *ping = arg;
	const bool is_news =
	    fault != NULL && (ping->fault == NULL || strcmp(ping->fault, fault) != 0);

	free(ping->fault);
	ping->fault = fault != NULL ? strdup(fault) : NULL;
	if (is_news)
		report_fault("%s", fault);
	if (fault != NULL)
		return;
	channel_peer(ping->channel, ping->peer);
	channel_want_read(ping->channel, true);
	ping_print_connected(&ping->options, ping->peer, ping->channel);
	judge_restart(ping->judge);
	send_message(ping);
}

/* A new connection starts a new stream: what was on its way is gone with the old one. */
static void
reconnect(struct ping *ping)
{
	ping->partial = ping->unsent = 0;
	reach_begin(ping->reach, on_reached, ping);
}

static void
tell_blocked(struct ping *ping)
{
	if (!ping->blocked)
		ping_print_blocked(&ping->options, ping->peer);
	ping->blocked = true;
}

/* A message is due. */
static void
on_send(evutil_socket_t fd, short what, void *arg)
{
	struct ping *ping = arg;
	const int64_t interval = timing_nanoseconds(ping->options.interval);

	(void)fd;
	(void)what;
	if (!has_more(ping))
		return; /* the last one was sent by on_reached() */
	if (reach_is_under_way(ping->reach))
		; /* a message goes out when that is over */
	else if (channel_state(ping->channel) == CHANNEL_CLOSED)
		reconnect(ping);
	else if (ping->unsent > 0 || judge_is_full(ping->judge))
		tell_blocked(ping);
	else if (channel_state(ping->channel) == CHANNEL_OPEN)
		send_message(ping);
	ping->next_send += interval;
	if (ping->next_send < timing_now() - interval)
		ping->next_send = timing_now(); /* the process was stopped: no burst */
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
	ping->channel = channel_new(ping->base, &ping->options.common.wish);
	if (ping->judge == NULL || ping->channel == NULL)
		return false;
	channel_serve(ping->channel, &channel_user, ping);
	ping->reach = reach_new(ping->base, ping->channel, &ping->options.common.wish);
	ping->send_timer = evtimer_new(ping->base, on_send, ping);
	ping->wait_timer = evtimer_new(ping->base, on_wait_over, ping);
	ping->deadline_timer = evtimer_new(ping->base, on_deadline, ping);
	ping->interrupt = evsignal_new(ping->base, SIGINT, on_interrupt, ping);
	ping->quit = evsignal_new(ping->base, SIGQUIT, on_quit, ping);
	if (ping->reach == NULL || ping->send_timer == NULL || ping->wait_timer == NULL ||
	    ping->deadline_timer == NULL || ping->interrupt == NULL || ping->quit == NULL ||
	    event_add(ping->interrupt, NULL) == -1 || event_add(ping->quit, NULL) == -1)
		return false;
	let_a_second_interrupt_kill();
	return true;
}

static void
dispose(struct ping *ping)
{
	reach_free(ping->reach);
	channel_free(ping->channel);
	event_free(ping->send_timer);
	event_free(ping->wait_timer);
	event_free(ping->deadline_timer);
	event_free(ping->interrupt);
	event_free(ping->quit);
	event_base_free(ping->base);
	judge_free(ping->judge);
	free(ping->fault);
	free(ping);
}

static int
exit_status(const struct ping *ping)
{
	const struct tally *tally = &ping->judge->tally;
	const bool cut_short = ping->end == ENDING_DEADLINE && ping->options.count != 0 &&
	    tally->received < ping->options.count;
	const int status = ending_status(ping->end, tally->received + tally->corrupt > 0);

	if (status != EXIT_SUCCESS)
		return status;
	return tally->received == 0 || tally->missing > 0 || tally->corrupt > 0 ||
	    tally->late > 0 || tally->duplicate > 0 || ping->lost || cut_short
	    ? EXIT_WRONG : EXIT_SUCCESS;
}

/* Returns the exit status. */
static int
reach_and_talk(struct ping *ping)
{
	const struct tally *tally = &ping->judge->tally;
	const char *fault;

	if (!reach_now(ping->reach, &fault)) {
		ping->unreached = fault != NULL;
		report_fault("%s", ping->unreached ? fault : reach_state(ping->reach));
		return EXIT_USAGE;
	}
	channel_peer(ping->channel, ping->peer);
	channel_want_read(ping->channel, true);
	ping_print_start(&ping->options, ping->peer);
	ping_print_connected(&ping->options, ping->peer, ping->channel);
	ping->started = ping->next_send = timing_now();
	timing_arm(ping->send_timer, ping->next_send);
	event_base_dispatch(ping->base);
	if (ping->end == ENDING_DONE && ping->refused && tally->received + tally->corrupt == 0)
		ping->end = ENDING_REFUSED;
	return exit_status(ping);
}

static int
run(struct ping *ping)
{
	const struct ping_options *options = &ping->options;
	const struct tally *tally = &ping->judge->tally;
	int status;

	ping->started = timing_now();
	if (options->deadline > 0)
		timing_arm(ping->deadline_timer,
		    ping->started + timing_nanoseconds(options->deadline));
	status = reach_and_talk(ping);
	if (ping->unreached)
		return status;
	if (options->common.json)
		status = ping_print_json(options, tally, ping->started, ping->channel,
		    ping->end, status);
	else
		ping_print_summary(options, tally, ping->started, stdout);
	return report_flush(status);
}

int
ping_main(int argc, char **argv)
{
	struct ping *ping = calloc(1, sizeof(*ping));
	int status;

	if (ping == NULL)
		report_unusable("%s", strerror(errno));
	ping_options_read(&ping->options, argc, argv);
	ping->base = timing_base_new(false);
	if (!prepare(ping))
		report_unusable("cannot start: %s", strerror(errno));
	status = run(ping);
	dispose(ping);
	return status;
}
