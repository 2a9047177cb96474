/* How the connection of one_conn.h comes into each state, and what ends it there. */
#ifndef TESTS_UNIT_CONN_WAYS_H
#define TESTS_UNIT_CONN_WAYS_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/stream/conn.h"

#define CONN_WAYS 6
extern const struct conn_way {
	enum conn_state state;
	size_t (*be)(void); /* returns how many bytes the peer has sent for that */
	enum close_reason reason; /* of a reset: an end that was ours stays so */
	bool is_watched; /* no event tells all of it */
} conn_ways[CONN_WAYS];

/* The kernel has megabytes that are not read yet, and the process a buffer that is not sent. */
size_t be_blocked(void);
size_t be_flushing(void);

/* The peer has ended and takes no more of some 20,000 bytes, which the kernel has. */
size_t be_closing(void);

#endif
