/*
 * The way to the peer while ping runs: its silence watched, and another connection or socket
 * where it is lost.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/ping/ping_internal.h"
#include "client/report.h"
#include "client/timing.h"

void
ping_lose(struct ping *ping, const char *text)
{
	ping_print_lost(&ping->options, text);
	snprintf(ping->end.lost, sizeof(ping->end.lost), "%s", text);
	judge_cut(ping->judge);
}

/* --- the first time ---------------------------------------------------------------- */

/*
 * What goes by its ports, as the choice of a parallel link does, must find the same ones in a socket
 * that takes the place of this one.
 */
static void
keep_port(struct ping *ping)
{
	if (ping->options.flows > 0 && !ping_is_stream(ping))
		ping->options.common.wish.source_port = channel_source_port(ping->channel);
}

static void
on_first_reached(void *arg, const char *fault)
{
	struct ping *ping = arg;

	if (fault != NULL) {
		ping->unreached = strdup(fault);
		if (ping->unreached == NULL)
			report_unusable("%s", strerror(errno));
		ping_print_unreached(&ping->options, fault);
		ping_end(ping, reach_ending(ping->reach));
		return;
	}
	ping->reached = true;
	keep_port(ping);
	channel_peer(ping->channel, ping->peer);
	channel_want_read(ping->channel, true);
	ping_print_start(&ping->options, ping->peer);
	ping_print_connected(&ping->options, ping->peer, ping->channel);
	ping_begin_schedule(ping);
}

void
ping_on_begin(evutil_socket_t fd, short what, void *arg)
{
	struct ping *ping = arg;

	(void)fd;
	(void)what;
	ping->started = timing_now();
	reach_begin(ping->reach, on_first_reached, ping);
}

/* --- silence ---------------------------------------------------------------------- */

/* Where nothing has come for so long, another connection or socket may find a way. */
static double
silence_limit(const struct ping *ping)
{
	const double wait = ping->options.wait, timeout = ping->options.common.wish.timeout;

	return wait > timeout ? wait : timeout;
}

/* The timer is not set anew for each message: it looks what was heard. */
void
ping_watch_silence(struct ping *ping)
{
	int64_t at;

	if (ping->ended || (ping_is_stream(ping) && !ping->options.reconnect))
		return;
	if (outage_due(&ping->outage, timing_nanoseconds(silence_limit(ping)), &at) &&
	    !event_pending(ping->silence_timer, EV_TIMEOUT, NULL))
		timing_arm(ping->silence_timer, at);
}

void
ping_on_silence(evutil_socket_t fd, short what, void *arg)
{
	struct ping *ping = arg;
	const int64_t now = timing_now();
	char text[PING_LOST_SIZE];
	int64_t at;

	(void)fd;
	(void)what;
	ping_receive_until(ping, now);
	if (ping->ended || !outage_due(&ping->outage, timing_nanoseconds(silence_limit(ping)), &at))
		return;
	if (now < at) {
		timing_arm(ping->silence_timer, at);
		return;
	}
	ping_tell_silent(ping->peer, silence_limit(ping), text);
	if (outage_begin(&ping->outage, ping->outage.asked) && !ping_is_stream(ping))
		ping_print_lost(&ping->options, text);
	if (ping_is_stream(ping))
		ping_lose(ping, text);
	outage_forget(&ping->outage);
	channel_close(ping->channel);
	ping_look_for_end(ping);
}

/* Whatever it is, the peer is there. */
void
ping_hear(struct ping *ping, int64_t now)
{
	const int64_t away = outage_heard(&ping->outage, now);

	if (away > 0)
		ping_print_back(&ping->options, ping->peer, ping->channel, timing_seconds(away));
}

/* --- connecting again -------------------------------------------------------------- */

/* A message that was due is sent at once. */
static void
go_on(struct ping *ping)
{
	ping->judge->tally.reconnects++;
	channel_peer(ping->channel, ping->peer);
	channel_want_read(ping->channel, true);
	if (ping_is_stream(ping)) {
		ping_print_connected(&ping->options, ping->peer, ping->channel);
		ping_send_message(ping);
	} else {
		ping_send_rest(ping);
		ping_watch_silence(ping);
	}
}

/* The message that was due is not sent; a datagram was, and is missing. */
static void
give_up(struct ping *ping)
{
	if (ping_is_stream(ping))
		ping->judge->tally.unsent++;
	ping->unsent = 0;
}

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
	if (fault == NULL)
		go_on(ping);
	else
		give_up(ping);
}

/* Of datagrams, to the same address as before. */
static void
on_connected(void *arg, int error)
{
	struct ping *ping = arg;

	if (error == 0) {
		go_on(ping);
	} else {
		give_up(ping);
		ping_tell_trouble(ping, error);
	}
}

/*
 * A new connection starts a new stream: what was on its way is gone with the old one.  Of
 * datagrams the last one is sent by the new socket.
 */
void
ping_reconnect(struct ping *ping)
{
	int error;

	outage_begin(&ping->outage, timing_now());
	ping->partial = 0;
	if (ping_is_stream(ping))
		ping->unsent = 0;
	if (ping->options.reconnect) {
		reach_begin(ping->reach, on_reached, ping);
		return;
	}
	error = channel_connect(ping->channel, NULL, on_connected, ping);
	if (error != 0)
		on_connected(ping, error);
}

