/*
 * Where to listen or to connect, as both commands write it:
 * tcp://HOST:PORT and udp://HOST:PORT, with an IPv6 address in brackets.
 */
#ifndef NET_ENDPOINT_H
#define NET_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/protocol.h"

/* A DNS name has at most 253 characters (RFC 1035, 2.3.4). */
#define ENDPOINT_HOST_SIZE 256

struct endpoint {
	enum protocol protocol;
	char host[ENDPOINT_HOST_SIZE]; /* without brackets: an address, a name or "*" */
	uint16_t port;            /* host order */
};

/*
 * Reads `text` into *endpoint.  Returns NULL, or what is wrong and would be right,
 * as a constant string; *endpoint is then undefined.
 */
const char *endpoint_parse(struct endpoint *endpoint, const char *text);

/*
 * Writes "tcp://127.0.0.1:7" or "udp://[::1]:7" to `text` and returns it, cut
 * where `size` is too small.
 */
const char *endpoint_format(enum protocol protocol, const char *host, uint16_t port, char *text,
    size_t size);

#endif
