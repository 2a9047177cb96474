/*
 * A rule of access: whom it is about.  An address prefix is about peers with an address, and
 * "uid:1000" about the peers of Unix sockets.
 */
#ifndef NET_RULE_H
#define NET_RULE_H

#include <stdbool.h>
#include <sys/types.h>

#include "net/prefix.h"

struct rule {
	bool is_user;
	union {
		struct prefix prefix;
		uid_t uid;
	};
};

/* "uid:4294967294" has less. */
#define RULE_TEXT_SIZE PREFIX_TEXT_SIZE

/* Returns true, or false with *rule unchanged and what would be right in `right`. */
bool rule_parse(struct rule *rule, const char *text, char right[PREFIX_RIGHT_SIZE]);

bool rule_equal(const struct rule *a, const struct rule *b);

/* Writes it to `text` and returns it. */
const char *rule_format(const struct rule *rule, char text[RULE_TEXT_SIZE]);

#endif
