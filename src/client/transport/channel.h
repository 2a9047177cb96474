/*
 * The way to the far end and back, a stream or datagrams behind one interface.  It alone
 * knows the descriptor: who has a channel connects, sends, receives and waits by these
 * functions only, on the event_base that it was made for.
 */
#ifndef CLIENT_TRANSPORT_CHANNEL_H
#define CLIENT_TRANSPORT_CHANNEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "client/transport/pattern.h"
#include "client/transport/proxying.h"
#include "net/address.h"
#include "net/endpoint.h"
#include "net/marks.h"

struct channel;
struct event_base;
struct tls_context;
struct tls_facts;

/* An address, or the URI of a Unix socket, and the NUL. */
#define CHANNEL_TEXT_SIZE ENDPOINT_SOCKET_SIZE

/* What is asked for. */
struct channel_wish {
	struct endpoint uri;
	int family;       /* AF_INET, AF_INET6, or AF_UNSPEC for either */
	double timeout;   /* seconds, for each address */
	bool kernel_time; /* arrivals are timed by the kernel's stamp */
	bool strangers;   /* who answers and was not asked is heard: datagrams */
	bool probing;     /* datagrams find out what the path takes: see probe.h */
	struct marking marking; /* what packets are sent with */
	bool marks;       /* what they come with is told: datagrams */
	uint16_t source_port; /* of this end, in host order; 0: any */
	/* Streams: what each connection begins with before it counts as there. */
	struct proxying proxying; /* sent */
	struct pattern greeting;  /* received */
	/* TLS: whom the channels hold, and whose certificate it has to be. */
	struct tls_context *tls;
	const char *tls_name;
};

struct channel_user {
	/* Called in the loop where one of them was wanted and is there, or the channel has failed. */
	void (*readable)(void *arg);
	void (*writable)(void *arg);
	/*
	 * A stranger has sent a datagram of `size` bytes, which begins with the `kept` ones of
	 * `head`; channel_strangers() has its address.  NULL: they are only counted.
	 */
	void (*stranger)(void *arg, const unsigned char *head, size_t kept, size_t size);
};

/*
 * Called in the loop when connecting is over, TLS agreed on and the greeting received: `error` is
 * 0, or an errno and the channel closed.
 */
typedef void channel_connected(void *arg, int error);

enum channel_state {
	CHANNEL_CLOSED,
	CHANNEL_CONNECTING,
	CHANNEL_OPEN,
};

/* True where bytes come as a stream, false where they come as datagrams. */
bool channel_is_stream(const struct channel_wish *wish);

/*
 * Returns a closed channel, for channel_free(), or NULL with errno.  `wish` and `base` must
 * live as long.
 */
struct channel *channel_new(struct event_base *base, const struct channel_wish *wish);
void channel_free(struct channel *channel);

/* From now on `user` is called with `arg`, until then nobody; it must live as long. */
void channel_serve(struct channel *channel, const struct channel_user *user, void *arg);

/*
 * Begins to connect to `peer`, or with NULL to the same as before; what was open is closed.  A
 * Unix socket is where the wish says: channel_place().
 * (Datagrams connect too, udp(7): so that only their peer is heard.)  Returns 0, `connected`
 * then being called with `arg`, or the errno of a failure at once, the channel being closed.
 */
int channel_connect(struct channel *channel, const struct address *peer,
    channel_connected *connected, void *arg);

/* Where it connects from, the next time, its port the kernel's choice; NULL: as the kernel chooses. */
void channel_set_source(struct channel *channel, const struct address *source);

/* Whom it has connected to, or tried to. */
struct address channel_address(const struct channel *channel);

/* The peer for a wish that has a path: nobody looks it up. */
struct address channel_place(void);

/* Closes it, whatever is on its way.  It may be connected again. */
void channel_close(struct channel *channel);

enum channel_state channel_state(const struct channel *channel);

/*
 * True for an errno that a socket for datagrams answers for good where its own address, or the
 * way from there, is no more: connected again, the channel may have another way.
 */
bool channel_has_no_way(int error);

/* False until it has begun to connect for the first time. */
bool channel_has_peer(const struct channel *channel);

/*
 * How many datagrams came from others than the peer, since channel_new(); where that is not 0
 * the address of the last one is in `text`.
 */
uint64_t channel_strangers(const struct channel *channel, char text[CHANNEL_TEXT_SIZE]);

/*
 * How many datagrams came to an open channel and found no room in its socket's buffer, since it
 * was opened: which is this host's doing.
 */
uint32_t channel_dropped(const struct channel *channel);

/* How long connecting took, the last time, in seconds: streams. */
double channel_connect_seconds(const struct channel *channel);

/* What the system knows of the segments of a connection: bytes, and 0 where it does not. */
struct channel_segments {
	unsigned there;     /* the most data that it puts into one */
	unsigned back;      /* the most that came in one, as far as some have come */
	unsigned announced; /* the MSS that the peer was told */
	unsigned path;      /* the path MTU there */
};

/* Those of an open channel.  Returns false with errno where it has none, as over a Unix socket. */
bool channel_segments(const struct channel *channel, struct channel_segments *segments);

/*
 * NULL, or what is wrong with who is there, of the last connection, which failed by it with
 * ERROR_UNGREETED or ERROR_UNSECURED: until the next one.
 */
const char *channel_fault(const struct channel *channel);

/* The same of any error of channel_receive(), 0 too, in words: "it closes the connection". */
const char *channel_error_text(const struct channel *channel, int error);

/* What the last TLS handshake agreed on, and how many seconds it took; NULL: there was none. */
const struct tls_facts *channel_tls(const struct channel *channel, double *seconds);

/* Returns the size of the greeting that the last connection had, and its bytes in *greeting. */
size_t channel_greeting(const struct channel *channel, const char **greeting);

/* The same for the JSON object: NULL where it had none, or `channel` is NULL. */
json_t *channel_greeting_json(const struct channel *channel);

/* Write the address of the far end, or of this one, to `text`, and return it. */
const char *channel_peer(const struct channel *channel, char text[CHANNEL_TEXT_SIZE]);
const char *channel_local(const struct channel *channel, char text[CHANNEL_TEXT_SIZE]);

/* The port of this end, in host order; 0: it has none, or was never connected. */
uint16_t channel_source_port(const struct channel *channel);

/* What the last datagram received came with. */
struct marks channel_marks(const struct channel *channel);

/* The path MTU that the system knows, in bytes; 0: it knows none, or that is no matter. */
int channel_path_mtu(const struct channel *channel);

/* Whether the user of an open channel is called when something can be received, or sent. */
void channel_want_read(struct channel *channel, bool wanted);
void channel_want_write(struct channel *channel, bool wanted);

/*
 * Sends `size` bytes of `data`: as many as are taken of a stream, or one datagram.  Returns
 * how many, or -1 with errno: EAGAIN where nothing is taken now, else what is wrong with the
 * way there.  That is of datagrams only, and may be of an earlier one, this one then not
 * being sent; of a stream channel_receive() tells it, after what came before.
 */
ssize_t channel_send(struct channel *channel, const void *data, size_t size);

/*
 * The same of several pieces that follow each other in the stream, where channel_takes_pieces():
 * who has large ones need not copy them.
 */
bool channel_takes_pieces(const struct channel *channel);
ssize_t channel_send_pieces(struct channel *channel, struct iovec *pieces, size_t count);

/* False once sending to a stream has failed. */
bool channel_can_send(const struct channel *channel);

/*
 * Receives up to `size` bytes of a stream, or one datagram.  Returns how many, or -1 with
 * errno: EAGAIN where there is nothing now, 0 where the peer has closed the stream in order,
 * ERROR_CUT where that is TLS and it has closed without saying so, else what went wrong.  *when,
 * where it is asked for, is the timing_now() at which the last byte arrived: by the kernel's stamp
 * where the wish has it, so that what the client was busy with does not count.
 */
ssize_t channel_receive(struct channel *channel, void *data, size_t size, int64_t *when);

/*
 * Tells the peer that no more bytes follow, which may still send: streams.  Over TLS that is
 * close_notify alone, and the connection below stays open both ways: so it is seen whether that
 * is enough.
 */
void channel_shut_down(struct channel *channel);

#endif
