/*
 * Reaching the far end: names resolved, every address tried.  The one file that
 * knows how transports differ in that.
 */
#ifndef CLIENT_TRANSPORT_TRANSPORT_H
#define CLIENT_TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/address.h"
#include "common/uri.h"

/* What is asked for. */
struct transport_wish {
	struct uri uri;
	int family;     /* AF_INET, AF_INET6, or AF_UNSPEC for either */
	double timeout; /* seconds, for each address */
};

/* What was reached; `fd` is connected (udp(7): so that only its peer is heard) and non-blocking. */
struct transport {
	int fd; /* -1: none */
	struct address peer, local;
	int64_t begun;          /* timing_now() */
	double connect_seconds; /* 0 for datagrams */
};

/* How the other side ends it, by the errno of a send or receive; 0: end of stream. */
enum transport_end {
	TRANSPORT_CLOSED,
	TRANSPORT_RESET,
	TRANSPORT_REFUSED, /* nobody listens for datagrams */
	TRANSPORT_LOST,    /* any other error */
};
enum transport_end transport_end_of(int error);

/* True where bytes come as a stream, false where they come as datagrams. */
bool transport_is_stream(const struct transport_wish *wish);

/*
 * Connects to the first address that answers, and waits for that.  Returns 0, *transport
 * then being for transport_close(), or -1 with what is wrong in `fault`: of each address,
 * as far as `fault_size` goes.
 */
int transport_open(struct transport *transport, const struct transport_wish *wish, char *fault,
    size_t fault_size);

/*
 * Begins to connect to transport->peer once more: a reconnect measures one and the same
 * host.  Returns 0 or EINPROGRESS, both with `fd` for transport_close(): once that is
 * writable, transport_complete() tells what came of it.  Any other errno is a failure,
 * with no `fd`.
 */
int transport_begin(struct transport *transport, const struct transport_wish *wish);

/* Returns 0 where the connection is there, else its errno, `fd` still open. */
int transport_complete(struct transport *transport, const struct transport_wish *wish);

/*
 * As recv(2).  *when is the timing_now() at which the last byte arrived: by the kernel's
 * stamp where there is one, so that what the client was busy with does not count.
 */
ssize_t transport_receive(const struct transport *transport, void *data, size_t size,
    int64_t *when);

void transport_close(struct transport *transport);

#endif
