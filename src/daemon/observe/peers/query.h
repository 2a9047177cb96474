/*
 * Which connections are asked for, as the query of /connections says it:
 * "listener=echo-tcp&source=192.0.2.0/24&state=blocked&sort=bytes&limit=20".  Pure.
 */
#ifndef DAEMON_OBSERVE_PEERS_QUERY_H
#define DAEMON_OBSERVE_PEERS_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/observe/http_request.h"
#include "daemon/stream/crowd.h"
#include "net/rule.h"

/* How many are told of where nothing is said, and at most. */
#define QUERY_LIMIT 100
#define QUERY_LIMIT_MOST 10000

/* The longest value, and the NUL: more than a head of HTTP holds. */
#define QUERY_VALUE_SIZE HTTP_HEAD_MOST

/* What would be right, and the NUL. */
#define QUERY_RIGHT_SIZE 256

enum query_sort {
	QUERY_BY_AGE,   /* the oldest first */
	QUERY_BY_BYTES, /* who has moved most, both ways together, first */
	QUERY_SORT_COUNT,
};

struct query {
	char listener[QUERY_VALUE_SIZE]; /* "": any */
	bool has_source;
	struct rule source; /* whom it covers */
	enum conn_state state; /* CONN_STATE_COUNT: any */
	enum query_sort sort;
	size_t limit;
};

/*
 * Reads `text`; none, or an empty one, asks for all.  Returns true, or false with what would be
 * right in `right`.
 */
bool query_parse(struct query *query, const struct http_text *text,
    char right[QUERY_RIGHT_SIZE]);

/* What a state is called. */
const char *query_state_name(enum conn_state state);

/* True where it asks for connections of `peer`. */
bool query_covers(const struct query *query, const struct address *peer);

#endif
