/*
 * How a connection comes from one process to another: what a parcel has of it, all but its
 * descriptor, how that is taken from those that a worker has, and made one of another's.  Times are
 * those of clock_ms(), which is the same for both processes.
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

/* --- giving, while the worker stands still ------------------------------------------------ */

/*
 * Calls `visit` for each connection of the crowd that can travel, which those that are
 * tied cannot; nothing is changed.  What it is given lives until the worker goes on.  Stops where that
 * returns -1, or bytes cannot be had (EIO).  Returns 0, or -1 with errno.
 */
typedef int packed_conn_visitor(void *arg, const struct conn *conn, int fd,
    const struct packed_conn *packed);
int crowd_pack(const struct crowd *crowd, packed_conn_visitor *visit, void *arg);

/*
 * They are another process's: none of them is the crowd's any more, nor known to the loop.  Each is
 * given to `let_go`, which ends with conn_free(): that closes the descriptor, and nothing else.
 */
void crowd_let_go(struct crowd *crowd, void (*let_go)(void *arg, struct conn *conn), void *arg);

/* --- taking ------------------------------------------------------------------------------- */

/*
 * As conn_new(), for one that goes on as *packed says; what that points to is copied.  Instead of
 * conn_open() follows conn_post_packed(), and conn_go_on() in its worker's thread.
 */
struct conn *conn_unpack(int fd, const struct packed_conn *packed, struct branch *branch);
void conn_post_packed(struct conn *conn, struct worker *worker);
void conn_go_on(struct conn *conn);


#endif
