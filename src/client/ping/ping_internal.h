/* What a run of ping is made of, for its files alone. */
#ifndef CLIENT_PING_PING_INTERNAL_H
#define CLIENT_PING_PING_INTERNAL_H

#include <event2/util.h>

#include "client/measure/outage.h"
#include "client/ping/ping_options.h"
#include "client/ping/ping_report.h"
#include "client/ping/ping_verdict.h"
#include "client/transport/reach.h"

/* One ping: a target, or one flow to it, with its channel, its schedule and its books. */
struct ping {
	struct run *run;
	struct ping_options options; /* the target is its own */
	struct judge *judge;
	struct channel *channel;
	struct reach *reach;
	struct outage outage;
	char peer[CHANNEL_TEXT_SIZE];
	struct event *begin_timer, *send_timer, *wait_timer, *silence_timer;
	int64_t started, next_send; /* timing_now() */
	size_t size;    /* of the last message */
	size_t unsent;  /* bytes of the last message that the socket did not take */
	size_t partial; /* bytes of a reply that have come: streams */
	int trouble;    /* the errno that was told last: what goes on is told once */
	char *fault;    /* the same of why it could not connect again, NULL: nothing was told */
	char stranger[CHANNEL_TEXT_SIZE]; /* who was told last */
	bool told_stranger; /* since the last message was sent */
	bool renewed;   /* the last message was given another socket */
	bool refused;   /* nobody listens for datagrams */
	bool blocked;   /* the peer took no more bytes when that was last told */
	bool reached;   /* somebody was, at first: what is below is of no use before */
	char *unreached; /* why nobody was by the end; NULL: somebody was, or it was not tried */
	bool ended;
	struct ping_end end;
	unsigned char out[MESSAGE_MOST], in[MESSAGE_MOST + 1];
};

/* All of them, in one loop. */
struct run {
	struct ping_options options;
	struct event_base *base;
	struct event *deadline_timer, *quit;
	int64_t started; /* timing_now() */
	struct ping *pings;
	size_t count, left; /* how many there are, and have not ended */
	bool ended;
	enum ending ending; /* what ended it as a whole; ENDING_DONE: each ping ended by itself */
};

static inline bool
ping_is_stream(const struct ping *ping)
{
	return channel_is_stream(&ping->options.common.wish);
}

/* --- ping.c --------------------------------------------------------------------------- */

/* It is over.  The last one ends the run. */
void ping_end(struct ping *ping, enum ending why);

/* --- traffic.c ------------------------------------------------------------------------ */

/* The first message is due now, or with flows at some moment of the first interval. */
void ping_begin_schedule(struct ping *ping);

/* Tells what is wrong with datagrams, once for as long as it is the same. */
void ping_tell_trouble(struct ping *ping, int error);

/* Receives what has come: `arg` is a struct ping. */
void ping_receive(void *arg);

/*
 * Receives what had come by `until`, and a few things more; nothing where the channel is not
 * open.
 */
void ping_receive_until(struct ping *ping, int64_t until);

/* Sends a message, or what is left of the last one: `arg` is a struct ping. */
void ping_send_message(struct ping *ping);
void ping_send_rest(void *arg);

/* After each reply, each wait that is over, and each cut: that may have been the last. */
void ping_look_for_end(struct ping *ping);

/* True while a connection is being made; a message waits for it. */
bool ping_is_connecting(const struct ping *ping);

/* Of a channel, and of timers: `arg` is a struct ping. */
void ping_on_stranger(void *arg, const unsigned char *head, size_t kept, size_t size);
void ping_on_send(evutil_socket_t fd, short what, void *arg);
void ping_on_wait_over(evutil_socket_t fd, short what, void *arg);

/* --- way.c ---------------------------------------------------------------------------- */

/* Begins to reach the target for the first time: `arg` is a struct ping. */
void ping_on_begin(evutil_socket_t fd, short what, void *arg);

/* The peer was heard at `now`, whatever it said. */
void ping_hear(struct ping *ping, int64_t now);

/* The connection is lost, as `text` tells: what was on its way is cut. */
void ping_lose(struct ping *ping, const char *text);

/* Something was sent: if nothing comes, that is looked at when the time is over. */
void ping_watch_silence(struct ping *ping);
void ping_on_silence(evutil_socket_t fd, short what, void *arg);

/*
 * Begins to connect again, or makes another socket for datagrams.  Of a connection the message
 * that is due goes out when it is there, or is not sent; of datagrams the last one, which is
 * missing where there is no way.
 */
void ping_reconnect(struct ping *ping);

#endif
