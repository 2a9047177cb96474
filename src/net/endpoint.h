/*
 * Where to listen or to connect, as both commands write it:
 * tcp://HOST:PORT and udp://HOST:PORT, with an IPv6 address in brackets.  They are URIs (RFC
 * 3986): capitals are as good in the scheme, and "/" may follow.  unix:PATH and unix:@NAME have a
 * path or an abstract name (unix_name.h) in the host's place.
 *
 * Of a listener the host is numeric, "*" or "localhost".  What those mean is known here alone:
 * which addresses, which sockets, and what is in the way of what.
 */
#ifndef NET_ENDPOINT_H
#define NET_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/address.h"
#include "net/protocol.h"
#include "net/unix_name.h"

/* A DNS name has at most 253 characters (RFC 1035, 2.3.4). */
#define ENDPOINT_HOST_SIZE 256

/* "tcp://[", a host, with "%25" for its "%", "]:65535" and the NUL. */
#define ENDPOINT_TEXT_SIZE (ENDPOINT_HOST_SIZE + 16)

/* The same of a numeric address, or of a path. */
#define ENDPOINT_SOCKET_SIZE (UNIX_NAME_SIZE + 8)

struct endpoint {
	enum protocol protocol;
	char host[ENDPOINT_HOST_SIZE]; /* without brackets: an address, a name or "*"; a path */
	uint16_t port;            /* host order; 0 behind a path */
};

/* Where a listener listens: the same of a host that is kept elsewhere. */
struct endpoint_view {
	enum protocol protocol;
	const char *host;
	uint16_t port;
};

/* "localhost" and "*" have the most. */
#define ENDPOINT_ADDRESSES_MAX 2

/* The addresses to listen on. */
struct endpoint_cover {
	size_t count; /* 0: an interface that the host does not have */
	struct address addresses[ENDPOINT_ADDRESSES_MAX]; /* in order: the first decides the port */
	/*
	 * One IPv6 socket for both families at the first; where the kernel has no IPv6, an IPv4
	 * one at the second.  False: a socket at each that the host has.
	 */
	bool dual_stack;
};

/* True for what is written as a URI, right or not: no host, with or without its port. */
bool endpoint_is_uri(const char *text);

/*
 * Reads `text` into *endpoint.  Returns NULL, or what is wrong and would be right,
 * as a constant string; *endpoint is then undefined.
 */
const char *endpoint_parse(struct endpoint *endpoint, const char *text);

/*
 * Writes "tcp://127.0.0.1:7", "udp://[::1]:7" or "unix:/run/echod.sock" to `text` and returns
 * it, cut where `size` is too small.
 */
const char *endpoint_format(enum protocol protocol, const char *host, uint16_t port, char *text,
    size_t size);

/* The same of where a listener listens. */
const char *endpoint_format_view(const struct endpoint_view *view, char text[ENDPOINT_TEXT_SIZE]);

/* The same of a socket at `address`, which has a port, with "*" for the host where it `is_any`. */
const char *endpoint_format_socket(enum protocol protocol, const struct address *address,
    bool is_any, char text[ENDPOINT_SOCKET_SIZE]);

/* True for "*": each address that the host has. */
bool endpoint_is_any(const char *host);

/*
 * Judges `text` as a host to listen on.  Returns true, with the one way to write it in `host`,
 * so that equal addresses are equal strings; or false with what would be right in `right`.
 */
bool endpoint_check_host(const char *text, char host[ADDRESS_HOST_SIZE],
    char right[ADDRESS_RIGHT_SIZE]);

/* What `view`, whose host endpoint_check_host() has judged, means now; of a path nothing. */
struct endpoint_cover endpoint_cover(const struct endpoint_view *view);

/*
 * True where a socket like those of `protocol` at `address`, `dual_stack` or not, is one of
 * those that `view` means; none is for port 0, and none for a path.
 */
bool endpoint_covers(const struct endpoint_view *view, enum protocol protocol,
    const struct address *address, bool dual_stack);

/* True where a listener on `a` would take an address of one on `b`, whatever the host has. */
bool endpoint_overlap(const struct endpoint_view *a, const struct endpoint_view *b);

#endif
