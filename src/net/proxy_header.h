/*
 * The PROXY protocol, versions 1 and 2 (proxy-protocol.txt of HAProxy): what a proxy sends
 * before all else, of the connection that it stands for.  A pure codec, for both ways: it
 * neither reads nor sends.
 *
 * A header is judged from its beginning, however much of it there is: what is a fault stays
 * that whatever follows, and byte by byte comes to the same as at once.
 */
#ifndef NET_PROXY_HEADER_H
#define NET_PROXY_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/address.h"

/* The most that a header has: of version 2, which skips by length. */
#define PROXY_HEADER_MOST (16 + 65535)

/* The most that proxy_header_format() writes: the longest line of version 1. */
#define PROXY_HEADER_SIZE 108

/* What is wrong with a header. */
#define PROXY_FAULTS(X)                                                  \
	X(SIGNATURE) /* it begins like neither version */                \
	X(LINE)      /* version 1: not as 2.1 has it */                  \
	X(VERSION)   /* after the signature of 2: another version */     \
	X(COMMAND)   /* neither LOCAL nor PROXY */                       \
	X(FAMILY)    /* of addresses, or transport, that is unassigned */ \
	X(LENGTH)    /* the addresses do not fit in it */                \
	X(TLV)       /* one goes beyond the header */                    \
	X(CHECKSUM)  /* CRC32c */

enum proxy_verdict {
	PROXY_WHOLE,   /* it is all there, and right */
	PROXY_PARTIAL, /* what is there is right, and all of it the header's */
#define PROXY_FAULT_ENUM(id) PROXY_FAULT_##id,
	PROXY_FAULTS(PROXY_FAULT_ENUM)
#undef PROXY_FAULT_ENUM
};

/* Bytes of the peer's choice, in the header that was judged; without any where it has none. */
struct proxy_text {
	const uint8_t *data;
	size_t size;
};

struct proxy_header {
	size_t size; /* of one that is whole; what follows is no part of it */
	uint8_t version; /* 1 or 2 */
	bool is_local;   /* the proxy speaks for itself, as for a health check */
	/* The ends of the connection that it stands for; false: those of its own are meant. */
	bool has_addresses;
	struct address source, destination;
	/* PP2_TYPE_AUTHORITY, PP2_TYPE_ALPN and PP2_SUBTYPE_SSL_VERSION. */
	struct proxy_text authority, alpn, tls_version;
};

/* Judges the first `size` bytes of a stream; *header is what they say. */
enum proxy_verdict proxy_header_parse(const void *data, size_t size,
    struct proxy_header *header);

/*
 * Writes the header that says the same to `text`: `version`, `is_local`, `has_addresses`,
 * which are of one family then, and both addresses.  Returns its size.  Version 1 has no word
 * for is_local, and says UNKNOWN.
 */
size_t proxy_header_format(const struct proxy_header *header, uint8_t text[PROXY_HEADER_SIZE]);

#endif
