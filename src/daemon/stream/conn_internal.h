/*
 * What a connection is made of, for its files alone: conn.c has its life, echo.c what a byte
 * meets that need not wait, tls_echo.c the same where it is sealed, handshake.c what comes before
 * that, wait.c the bytes that must wait, pace.c its bandwidth, taken.c what its peer takes and how
 * long that lasts, packed.c how it comes from one process to another.
 */
#ifndef DAEMON_STREAM_CONN_INTERNAL_H
#define DAEMON_STREAM_CONN_INTERNAL_H

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "daemon/stream/conn.h"
#include "daemon/stream/packed.h"
#include "daemon/stream/walk.h"
#include "net/buffers.h"
#include "net/tls/session.h"

/*
 * There are as many as there are peers, idle ones most of them, so its size counts: with
 * the allocator's own 8 bytes 240, of which libevent's event takes 128.  Times that are
 * only compared with limits are kept modulo their type.
 */
struct conn {
	struct event readable; /* it knows the descriptor: fd_of() */
	union {
		TAILQ_ENTRY(conn) neighbours; /* open: in the list of its state */
		struct letter letter;         /* before and after: carries it between the threads */
	};
	struct branch *branch; /* of its listener and its worker, whose crowd it tells */
	struct waiting *waiting; /* bytes that the socket did not take; NULL: none */
	uint64_t received, sent;     /* bytes */
	int64_t opened;              /* clock_ms() */
	int64_t paid_until;     /* clock_ms(), in nanoseconds: limits.bandwidth_per_connection */
	struct address peer;
	int untaken;            /* bytes that the peer had not taken when that was last looked at */
	uint32_t active;        /* clock_ms(), modulo 49 days */
	uint16_t blocked_since; /* clock_ms() in BLOCKED_UNIT, modulo 12 days */
	uint8_t reason : 5;     /* enum close_reason */
	uint8_t seen : 1;       /* by a walk: as crowd->walked */
	uint8_t is_secure : 1;  /* a struct secure follows it */
	uint8_t has_tail : 1;   /* a struct tail follows that, in conn.c */
	uint8_t state : 4;      /* enum conn_state */
	uint8_t is_unix : 1;    /* its socket is a Unix one, whoever its peer is */
	uint8_t bulk : 1;       /* its event is: loop_prioritize() */
	uint8_t grows : 1;      /* its receive buffer is no longer held */
	uint8_t stalled : 1;    /* counted in crowd->stalled */
};
static_assert(CONN_STATE_COUNT <= 16, "a state has 4 bits");
static_assert(sizeof(struct conn) <= 232, "a connection grew into the allocator's next size");

/* What one has besides that speaks TLS. */
struct secure {
	struct tls_context *context; /* of its listener when it came: held */
	struct tls_session *session; /* NULL before its first byte, and after a fault in the handshake */
	uint32_t begun, took;        /* its handshake: clock_us(), modulo 71 minutes; us */
	uint8_t fault;               /* enum tls_fault */
	bool is_shaking;             /* counted in crowd->shaking */
	bool had_all;                /* its peer had taken all that it was sent before our end */
};

static inline struct secure *
secure_of(struct conn *conn)
{
	return (struct secure *)(void *)(conn + 1);
}

/* The same of one that is only looked at. */
static inline const struct secure *
secure_seen(const struct conn *conn)
{
	return (const struct secure *)(const void *)(conn + 1);
}

static inline int
fd_of(const struct conn *conn)
{
	return event_get_fd(&conn->readable);
}

static inline struct crowd *
crowd_of(const struct conn *conn)
{
	return conn->branch->crowd;
}

static inline struct loop *
loop_of(const struct conn *conn)
{
	return crowd_of(conn)->loop;
}

/* It has moved: whatever it waited for, it is not stalled. */
void conn_unmark_stalled(struct conn *conn);

/* --- walk.c: a walk is under way --- */

/* It goes to another place: it is looked at before, unless it was. */
void walk_pass(struct walk *walk, struct conn *conn);

/* It ends: nobody is to look at it. */
void walk_forget(struct walk *walk, const struct conn *conn);

/* --- conn.c --- */

/* Its worker has it, in its state; its event is still to be added. */
void conn_join(struct conn *conn);

/* The worker has it no more, nor what waits of it. */
void conn_leave(struct conn *conn);

/* Its descriptor is whoever's it was, or closed. */
void conn_disown(struct conn *conn);

/* Puts it at the end of the list of `state`: it is active now, and not stalled. */
void conn_set_state(struct conn *conn, enum conn_state state);

/*
 * Something moved at `now`: it goes to the end of those that may be silent, where it is already if
 * that was so in this tick of the clock before.
 */
static inline void
conn_touch(struct conn *conn, int64_t now)
{
	struct crowd *crowd = crowd_of(conn);
	struct conn_list *list = &crowd->lists[conn->state];
	const bool is_there = conn->active == (uint32_t)now;

	if (conn->stalled)
		conn_unmark_stalled(conn);
	if (is_there)
		return;
	conn->active = (uint32_t)now;
	if (TAILQ_NEXT(conn, neighbours) == NULL)
		return;
	if (crowd->walk != NULL)
		walk_pass(crowd->walk, conn);
	TAILQ_REMOVE(list, conn, neighbours);
	TAILQ_INSERT_TAIL(list, conn, neighbours);
}

/*
 * Its socket failed with `error`: closes it.  One that we were ending keeps the reason for that;
 * one whose peer had only shut down its side has not taken all its bytes; or nothing but our
 * close_notify, for which few that speak TLS wait.
 */
void conn_fail(struct conn *conn, int error);

/* Our side is done: all that was read has been given to the kernel. */
void conn_shut_down(struct conn *conn);

/* Tells, at level info, that it is closed for `reason`, and what it was. */
void conn_log_closed(const struct conn *conn, enum close_reason reason);

/* Tells, at level debug, that none of its bytes wait. */
void conn_log_drained(const struct conn *conn);

/* What its listener says first: returns how many bytes of *greeting that is; 0: nothing. */
size_t conn_greeting(const struct conn *conn, const char **greeting);

/* --- echo.c --- */

/* The callback of a connection's event: reads, and gives back. */
void conn_on_readable(evutil_socket_t fd, short what, void *arg);

/*
 * Sends what it is told before all else.  That is no echo: the books do not know of it.  *conn may
 * be gone then.
 */
void conn_greet(struct conn *conn, const void *data, size_t size);

/* The peer has shut down its side: ends the connection, at once or when the peer has all. */
void conn_end_of_stream(struct conn *conn);

/* Counts bytes that the socket took at `now`: the only place where bytes go out of the books. */
void conn_count_sent(struct conn *conn, size_t size, int64_t now);

/* True for an errno of send(2) and recv(2) after which another try may succeed. */
static inline bool
conn_is_temporary(int error)
{
	return error == EAGAIN || error == EINTR;
}

/* Who sends so much at once waits for those who send less. */
#define CONN_BULK_BYTES 4096

/*
 * From so many on its receive buffer is held until it is trusted.  Autotuning begins where about
 * ten segments are read in a round trip; a short connection is spared the two calls.
 */
#define CONN_HELD_BYTES 8192

/* Counts bytes of the peer's. */
static inline void
conn_count_received(struct conn *conn, size_t size)
{
	if (conn->received < CONN_HELD_BYTES && conn->received + size >= CONN_HELD_BYTES)
		buffers_hold(fd_of(conn));
	conn->received += size;
	counter_add(&conn->branch->received_bytes, size);
}

/* Tells, at level debug, of bytes "received", "from" the peer, or the like. */
void conn_log_bytes(const struct conn *conn, const char *verb, const char *way, const void *data,
    size_t size);

/*
 * The turn is over with more to read perhaps.  A level-triggered event fires again
 * by itself; an edge-triggered one is made to, after the others had their turn.
 */
void conn_take_another_turn(struct conn *conn);

/* --- tls_echo.c --- */

/* The callback of one that speaks TLS. */
void conn_on_sealed(evutil_socket_t fd, short what, void *arg);

/*
 * Our side is done: sends its end (close_notify), where there is a session that has one.  Returns
 * true where that is sent; or false, and it waits, or *conn is gone.
 */
bool conn_seal_end(struct conn *conn);

/* --- handshake.c --- */

/*
 * The first byte of one is there: makes its session, or has it wait for those of others.  Returns
 * true where it may be read.
 */
bool conn_begin_handshake(struct conn *conn);

/* Its handshake is over, well or not: another may begin. */
void conn_end_handshake(struct conn *conn);

/* Frees its session, if it has one. */
void conn_free_session(struct conn *conn);

/* --- wait.c --- */

/*
 * Lets `size` bytes wait that the socket did not take: reading stops until they are sent, and
 * then goes on, or our side is shut down where it is flushing.  They hold `echoed` bytes of echo,
 * all or none of them, which are counted as they are sent; sealed ones, once all are sent.
 * Where memory lacks the connection is aborted, and false returned.
 */
bool conn_wait_with(struct conn *conn, const void *data, size_t size, size_t echoed);

/*
 * The same in two steps, for one that has waited since `begun` (clock_us()) and is not read: the
 * first takes what memory the bytes need, in any thread, and returns false where that lacks, with
 * nothing done; the second is conn_wait_with()'s, without a change of its state.
 */
bool conn_keep_waiting(struct conn *conn, const void *data, size_t size, size_t echoed,
    int64_t begun);
bool conn_wait_on(struct conn *conn);

/* Writes what waits to *packed, if any does.  Returns false where it cannot be had. */
bool conn_waiting_look(const struct conn *conn, struct packed_conn *packed);

/* Frees what waits, unsent. */
void conn_wait_end(struct conn *conn);

/* How many bytes wait, and how many of this process's memory they hold. */
size_t conn_waiting_bytes(const struct conn *conn);
size_t conn_waiting_memory(const struct conn *conn);

/* --- pace.c --- */

/* True where it has a bandwidth. */
static inline bool
conn_is_limited(const struct conn *conn)
{
	return atomic_load_explicit(&crowd_of(conn)->limits.bandwidth, memory_order_relaxed) != 0;
}

/* What one recv may take, by its bandwidth. */
size_t conn_most_to_receive(const struct conn *conn);

/*
 * `size` bytes were received.  Returns true where that is more than its bandwidth allows by
 * now: it is to conn_read_on().
 */
bool conn_pay(struct conn *conn, size_t size);

/* Begins to read again, now or when its bandwidth allows it. */
void conn_read_on(struct conn *conn);

/* --- taken.c --- */

/* From here on it is seen what the peer takes. */
void conn_watch(struct conn *conn);

#endif
