/*
 * What limits for each source count as one source: an IPv4 address, or an IPv6 /64, all of which
 * one host may use; of the peers of Unix sockets a user.  Link-local addresses have one /64 in
 * common, so it is their other half that counts.
 */
#ifndef NET_SOURCE_NAME_H
#define NET_SOURCE_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "net/address.h"

enum source_kind { SOURCE_IPV4, SOURCE_IPV6, SOURCE_LINK_LOCAL, SOURCE_UID };

struct source_name {
	uint64_t bits;
	enum source_kind kind;
};

/* 39 characters of address, "/64" and the NUL. */
#define SOURCE_NAME_TEXT_SIZE 43

/* `peer` is an IPv4 or IPv6 address, not a v4-mapped one, or the peer of a Unix socket. */
struct source_name source_name(const struct address *peer);

static inline bool
source_name_equal(struct source_name a, struct source_name b)
{
	return a.bits == b.bits && a.kind == b.kind;
}

/*
 * Writes "192.0.2.1", "2001:db8:0:1::/64", "fe80::1", "::1" or "uid:1000" to `text` and
 * returns it.
 */
const char *source_name_format(struct source_name name, char text[SOURCE_NAME_TEXT_SIZE]);

/* A hash that nobody can aim without the key: see siphash.h. */
uint64_t source_name_hash(const uint64_t key[2], struct source_name name);

#endif
