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
	/* As those of channel.h; errno may be EINTR.  `send_pieces` NULL: it takes none. */
	ssize_t (*send)(struct channel *channel, const void *data, size_t size);
	ssize_t (*send_pieces)(struct channel *channel, struct iovec *pieces, size_t count);
	ssize_t (*receive)(struct channel *channel, void *data, size_t size, int64_t *when);
	void (*shut_down)(struct channel *channel); /* NULL: the peer is not told */
	/*
	 * Goes on with what has to be agreed on before a new connection is of use.  Returns 0 when
	 * that is over, EAGAIN while more has to come, or another errno; NULL: nothing has.
	 */
	int (*shake)(struct channel *channel);
	/* There is room for what channel_keep_unsent() was told of. */
	void (*flush)(struct channel *channel);
	/* Before the socket is closed, and before the channel is freed; NULL: nothing is to do. */
	void (*close)(struct channel *channel);
	void (*dispose)(struct channel *channel);
};

struct opening;
struct secure;

extern const struct channel_kind channel_stream, channel_secure, channel_datagram, channel_probe;

struct channel {
	const struct channel_kind *kind;
	const struct channel_wish *wish;
	struct event_base *base;
	const struct channel_user *user; /* NULL: nobody */
	void *arg;
	channel_connected *connected;
	void *connected_arg;
	struct event readable, writable; /* where there is a descriptor */
	bool wants_read, wants_write;    /* the user does */
	bool awaits_room;                /* `writable` is added, for the user or the kind */
	bool has_unsent, has_more;       /* see below */
	bool is_opening; /* it has connected, and what comes before the user's bytes goes on */
	enum channel_state state;
	int fd;         /* -1: none */
	int send_error; /* a stream's: the kernel tells it once, to send or to receive */
	struct address peer, local;
	struct address source; /* AF_UNSPEC: none is asked for */
	struct arrival_clock clock; /* of the descriptor */
	int strangers_fd;           /* -1: they are not heard */
	struct event from_strangers;
	uint64_t stranger_count;
	struct address stranger; /* the last one */
	size_t fragment; /* as probe_fragment() */
	int64_t begun; /* timing_now() when connecting did */
	double connect_seconds;
	struct opening *opening; /* opening.h: of the last connection; NULL: it had no greeting */
	struct secure *secure;   /* secure.c: NULL: there is no TLS, or was none yet */
	char *fault;             /* as channel_fault() */
};

/* What a stream's socket needs, and one for datagrams. */
void stream_prepare(struct channel *channel);
void datagram_prepare(struct channel *channel);

/* Sends one, as send(2). */
ssize_t datagram_send(struct channel *channel, const void *data, size_t size);

/* Sets what channel_fault() says, or with NULL that there is none. */
void channel_blame(struct channel *channel, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Some of what the user has sent waits here for room: `flush` is called when there is some. */
void channel_keep_unsent(struct channel *channel, bool unsent);

/* There may be something to receive that the socket does not tell of. */
void channel_keep_more(struct channel *channel, bool more);

#endif
