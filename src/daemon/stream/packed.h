/*
 * A connection as a parcel has it: all that another process needs to go on with it, but for its
 * descriptor.  Times are those of clock_ms(), which is the same for both.
 */
#ifndef DAEMON_STREAM_PACKED_H
#define DAEMON_STREAM_PACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/account/counters.h"
#include "daemon/stream/conn.h"
#include "daemon/stream/crowd.h"
#include "net/address.h"

struct packed_conn {
	enum conn_state state; /* CONN_READING or a later one */
	enum close_reason reason; /* from CONN_FLUSHING on */
	struct address peer;
	bool is_proxied; /* it came by `via` */
	struct conn_via via;
	bool grows;           /* its receive buffer is no longer held */
	int64_t opened;       /* ms */
	int64_t paid_until;   /* ns: limits.bandwidth_per_connection */
	uint32_t active;      /* ms, modulo 49 days */
	uint16_t blocked_since; /* in units of 16 s, modulo 12 days */
	uint64_t received, sent; /* bytes */
	const void *waiting;  /* what its socket did not take, somebody else's; NULL: nothing */
	size_t waiting_size;  /* at most PACKED_WAITING_MOST; not 0 where it is blocked or flushing */
	bool is_echo;         /* that is echo, not a greeting */
	int64_t waits_since;  /* us, of clock_us() */
};

/* A scratch buffer, or a greeting. */
#define PACKED_WAITING_MOST 65536

#endif
