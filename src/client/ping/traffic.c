/*
 * The messages of one ping: when each is due, what is sent, and what comes back, timed and compared
 * to the last byte.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/ping/ping_internal.h"
#include "client/report.h"
#include "client/timing.h"

/* What is received before timers and signals have their turn. */
#define TURN_RECEIVES 64

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

	if (ping->ended)
		return;
	if (!has_more(ping) && judge_settled(ping->judge))
		ping_end(ping, ENDING_DONE);
	else if (judge_next_missing(ping->judge, &at))
		timing_arm(ping->wait_timer, at);
	else
		event_del(ping->wait_timer);
}

void
ping_tell_trouble(struct ping *ping, int error)
{
	if (ping->trouble != error)
		ping_print_trouble(&ping->options, ping->peer, ping->channel, error);
	ping->trouble = error;
	if (error != ECONNREFUSED)
		return;
	ping->refused = true;
	outage_forget(&ping->outage); /* its host is there */
}

/* --- receiving ------------------------------------------------------------------- */

/* What the reply came with; of a stream nothing. */
static struct marks_told
note_marks(struct ping *ping)
{
	if (ping_is_stream(ping))
		return (struct marks_told){ .now = { -1, -1 } };
	return marks_seen_note(&ping->judge->tally.marks, channel_marks(ping->channel));
}

static void
take_reply(struct ping *ping, struct reply reply)
{
	const struct marks_told marks = note_marks(ping);

	ping_print_reply(&ping->options, ping->peer, &reply, &marks);
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
		ping_end(ping, ending_of_error(error));
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
	const size_t size = judge_stream_size(ping->judge);
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

void
ping_receive(void *arg)
{
	ping_receive_until(arg, INT64_MIN);
}

/* It ends nothing and is no reply, whatever it says; one for each message is told. */
void
ping_on_stranger(void *arg, const unsigned char *head, size_t kept, size_t size)
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
void
ping_on_wait_over(evutil_socket_t fd, short what, void *arg)
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
	return channel_send(ping->channel, ping->out, ping->size) == -1 ? errno : 0;
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
	return (ssize_t)ping->size;
}

/* Sends what is left of the last message. */
void
ping_send_rest(void *arg)
{
	struct ping *ping = arg;
	const unsigned char *rest = ping->out + ping->size - ping->unsent;
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
	ping->size = ping->unsent = judge_write(ping->judge, ping->out);
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

/* True while one is being made; of a connection a message waits for it. */
bool
ping_is_connecting(const struct ping *ping)
{
	return reach_is_under_way(ping->reach) ||
	    channel_state(ping->channel) == CHANNEL_CONNECTING;
}

/*
 * Those of flows are due at a random moment of each interval: what takes turns, as a limit of rate
 * does, or comes again and again, must not always meet the same flow.
 */
static int64_t
next_due(const struct ping *ping)
{
	uint32_t random;

	if (ping->options.flows == 0)
		return ping->next_send;
	evutil_secure_rng_get_bytes(&random, sizeof(random));
	return ping->next_send + timing_nanoseconds(ping->options.interval *
	    ((double)random / ((double)UINT32_MAX + 1)));
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
	if (has_more(ping) && !ping->ended)
		timing_arm(ping->send_timer, next_due(ping));
}

void
ping_begin_schedule(struct ping *ping)
{
	ping->started = ping->next_send = timing_now();
	if (!ping->ended)
		timing_arm(ping->send_timer, next_due(ping));
}

/* A message is due. */
void
ping_on_send(evutil_socket_t fd, short what, void *arg)
{
	struct ping *ping = arg;

	(void)fd;
	(void)what;
	if (!has_more(ping))
		return; /* the last one was sent when it had connected again */
	if (ping_is_connecting(ping)) {
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
}
