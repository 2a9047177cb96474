/*
 * What limits for each source count as one source: an IPv4 address, or an IPv6 /64, all
 * of which one host may use.  Link-local addresses have one /64 in common, so it is their
 * other half that counts.
 */
#ifndef DAEMON_ACCESS_SOURCE_NAME_H
#define DAEMON_ACCESS_SOURCE_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "net/address.h"

struct source_name {
	uint64_t bits;
	bool is_ipv6;
};

/* `peer` is an IPv4 or IPv6 address, not a v4-mapped one. */
struct source_name source_name(const struct address *peer);

/* A hash that nobody can aim without the key: see siphash.h. */
uint64_t source_name_hash(const uint64_t key[2], struct source_name name);

#endif
