/*
 * The header of the PROXY protocol that a connection begins with, as a proxy's would: which one
 * is asked for, and what it is for one connection.  Pure.
 */
#ifndef CLIENT_TRANSPORT_PROXYING_H
#define CLIENT_TRANSPORT_PROXYING_H

#include <stdbool.h>

#include "net/proxy_header.h"

struct proxying {
	struct proxy_header header; /* `version` 0: none */
	bool own_ends; /* its addresses are those of the connection itself */
};

/*
 * Reads "v1" or "v2", and behind a "=" the addresses "SRC,DST", "unknown", or of version 2
 * "local".  Returns NULL, or what would be right.
 */
const char *proxying_parse(struct proxying *proxying, const char *text);

/*
 * Writes the header of a connection between these to `text`, and returns its size.  Of another
 * family than IPv4 and IPv6 it tells no addresses.
 */
size_t proxying_format(const struct proxying *proxying, const struct address *local,
    const struct address *peer, uint8_t text[PROXY_HEADER_SIZE]);

#endif
