/*
 * What a channel is made of, and what a kind of channel has to know.  For the files of
 * channels alone: a further kind is one more file and a row of channel.c's kind_of().
 */
#ifndef CLIENT_TRANSPORT_CHANNEL_INTERNAL_H
#define CLIENT_TRANSPORT_CHANNEL_INTERNAL_H

#include <event2/event_struct.h>

#include "client/transport/arrival.h"
#include "client/transport/channel.h"

struct channel_kind {
	int type; /* of its socket */
	/* Sets what the new socket of `channel` needs; NULL: nothing. */
	void (*prepare)(struct channel *channel);
	/* As those of channel.h; errno may be EINTR. */
	ssize_t (*send)(struct channel *channel, const void *data, size_t size);
	ssize_t (*receive)(struct channel *channel, void *data, size_t size, int64_t *when);
	void (*shut_down)(struct channel *channel); /* NULL: the peer is not told */
};

struct opening;

extern const struct channel_kind channel_stream, channel_datagram;

struct channel {
	const struct channel_kind *kind;
	const struct channel_wish *wish;
	struct event_base *base;
	const struct channel_user *user; /* NULL: nobody */
	void *arg;
	channel_connected *connected;
	void *connected_arg;
	struct event readable, writable; /* where there is a descriptor */
	bool wants_read, wants_write;    /* their events are added: for the user */
	enum channel_state state;
	int fd;         /* -1: none */
	int send_error; /* a stream's: the kernel tells it once, to send or to receive */
	struct address peer, local;
	struct arrival_clock clock; /* of the descriptor */
	int strangers_fd;           /* -1: they are not heard */
	struct event from_strangers;
	uint64_t stranger_count;
	struct address stranger; /* the last one */
	int64_t begun; /* timing_now() when connecting did */
	double connect_seconds;
	struct opening *opening; /* opening.h: of the last connection; NULL: it had no greeting */
};

#endif
