/*
 * Address prefixes in CIDR notation: "192.0.2.0/24", "2001:db8::/32".
 *
 * What stands for IPv4 in IPv6 (v4-mapped) is refused here: addresses lose that form
 * at the door (see address.h), so that such a prefix would never match one.
 */
#ifndef NET_PREFIX_H
#define NET_PREFIX_H

#include <stdbool.h>
#include <stdint.h>

#include "net/address.h"

/* All bits of `bits` behind `length` are 0; IPv4 has the first four bytes. */
struct prefix {
	uint8_t bits[16]; /* network order */
	uint8_t length;   /* 0 to 32 or 128 */
	bool is_ipv6;
};

/* 45 characters of address, "/128" and the NUL. */
#define PREFIX_TEXT_SIZE 50

/* What would be right, and the NUL. */
#define PREFIX_RIGHT_SIZE 160

/* How many bits an address of its family has. */
int prefix_width(const struct prefix *prefix);

/*
 * Reads a prefix, or an address alone, which is the prefix of all its bits.  Returns
 * true, or false with *prefix unchanged and what would be right in `right`.
 */
bool prefix_parse(struct prefix *prefix, const char *text, char right[PREFIX_RIGHT_SIZE]);

/* True where `address` is one of those that it stands for; scopes are not looked at. */
bool prefix_covers(const struct prefix *prefix, const struct address *address);

bool prefix_equal(const struct prefix *a, const struct prefix *b);

/* Writes it to `text`, as an address alone where it has all bits, and returns it. */
const char *prefix_format(const struct prefix *prefix, char text[PREFIX_TEXT_SIZE]);

#endif
