/* What is read goes back: see conn_internal.h.  All that a byte meets which need not wait. */
#include <errno.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "daemon/stream/conn_internal.h"
#include "net/buffers.h"

/* What one connection may receive before the others of its worker have their turn. */
#define TURN_RECEIVES 16
#define TURN_BYTES (4 * SCRATCH_SIZE)

/*
 * Who was sent so much takes what it asks for: a peer that never reads gets no further than its
 * own buffer, as systems have it, and what waits behind that.  For one that makes its buffer
 * larger there is limits.blocked_memory; nobody gets more beyond half of that.
 */
#define TRUSTED_BYTES 131072

/* --- sending ------------------------------------------------------------------ */

/* Where there is no room now the next bytes ask again. */
static void
let_grow(struct conn *conn)
{
	struct crowd *crowd = crowd_of(conn);

	crowd_watch(crowd);
	if (crowd->memory_room < BUFFERS_GROWTH)
		return;
	crowd->memory_room -= BUFFERS_GROWTH;
	conn->grows = 1;
	buffers_let_grow(fd_of(conn));
}

static inline void
count_sent(struct conn *conn, size_t size, int64_t now)
{
	conn->sent += size;
	if (conn->sent >= TRUSTED_BYTES && !conn->grows)
		let_grow(conn);
	counter_add(&conn->branch->sent_bytes, size);
	conn_touch(conn, now);
}

/* The same for wait.c: here it is part of the way of each byte. */
void
conn_count_sent(struct conn *conn, size_t size, int64_t now)
{
	count_sent(conn, size, now);
}

/* Out of the way of a byte, which would pay for the room of the texts too. */
__attribute__((cold, noinline)) void
conn_log_bytes(const struct conn *conn, const char *verb, const char *way, const void *data,
    size_t size)
{
	char peer[ADDRESS_TEXT_SIZE], payload[ESCAPE_TEXT_SIZE];

	log_debug("%s %s %s %s", verb, escape_payload(data, size, payload), way,
	    address_format(&conn->peer, peer));
}

/* What a turn of a connection knows. */
struct turn {
	struct conn *conn;
	int fd;
	int64_t now;     /* clock_ms() */
	bool is_limited; /* it has a bandwidth */
};

/* Gives back `size` bytes.  Returns true while the connection may go on reading. */
static inline bool
echo(const struct turn *turn, const void *data, size_t size)
{
	struct conn *conn = turn->conn;
	ssize_t n;

	if (log_wants(LOG_DEBUG))
		conn_log_bytes(conn, "sending", "to", data, size);
	n = send(turn->fd, data, size, MSG_NOSIGNAL);
	if (n == -1 && !conn_is_temporary(errno)) {
		conn_fail(conn, errno);
		return false;
	}
	if (n > 0)
		count_sent(conn, (size_t)n, turn->now);
	else
		n = 0;
	if ((size_t)n < size) {
		conn_wait_with(conn, (const unsigned char *)data + n, size - (size_t)n, size - (size_t)n);
		return false;
	}
	if (log_wants(LOG_DEBUG))
		conn_log_drained(conn);
	return true;
}

void
conn_greet(struct conn *conn, const void *data, size_t size)
{
	ssize_t n;

	if (log_wants(LOG_DEBUG))
		conn_log_bytes(conn, "sending", "to", data, size);
	n = send(fd_of(conn), data, size, MSG_NOSIGNAL);
	if (n == -1 && !conn_is_temporary(errno)) {
		conn_fail(conn, errno);
		return;
	}
	if (n < 0)
		n = 0;
	if ((size_t)n < size)
		conn_wait_with(conn, (const unsigned char *)data + n, size - (size_t)n, 0);
}

/* --- receiving ------------------------------------------------------------------ */

/*
 * The peer has shut down its side, so nothing unread is left that would turn our
 * close into a reset.  What it has not taken yet it need never take: the kernel would
 * hold that for minutes after our close, so it is watched until it is gone.
 */
void
conn_end_of_stream(struct conn *conn)
{
	char peer[ADDRESS_TEXT_SIZE];

	log_debug("closing %s after reading no data", address_format(&conn->peer, peer));
	if (conn->state != CONN_LINGERING)
		conn->reason = CLOSE_PEER;
	if (conn_is_taken(conn)) {
		conn_close(conn, conn->reason);
		return;
	}
	if (conn->state != CONN_LINGERING && shutdown(fd_of(conn), SHUT_WR) == -1) {
		conn_fail(conn, errno);
		return;
	}
	event_del(&conn->readable);
	conn_set_state(conn, CONN_CLOSING);
	conn_watch(conn);
}

/* Takes over `size` bytes that recv gave.  Returns true while the connection may go on. */
static inline bool
received(const struct turn *turn, const void *data, size_t size)
{
	struct conn *conn = turn->conn;
	bool is_ahead;

	conn_count_received(conn, size);
	if (log_wants(LOG_DEBUG))
		conn_log_bytes(conn, "received", "from", data, size);
	if (conn->state == CONN_LINGERING)
		return true; /* too late to go back: our side is shut down */
	is_ahead = turn->is_limited && conn_pay(conn, size);
	if (!echo(turn, data, size))
		return false;
	if (!is_ahead)
		return true;
	event_del(&conn->readable);
	conn_read_on(conn);
	return false;
}

void
conn_take_another_turn(struct conn *conn)
{
	if (!loop_of(conn)->edge_triggered)
		return;
	event_del(&conn->readable);
	if (event_add(&conn->readable, NULL) == -1)
		conn_abort(conn, CLOSE_MEMORY);
}

void
conn_on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *conn = arg;
	struct loop *loop = loop_of(conn);
	const struct turn turn = { conn, fd, clock_ms(), conn_is_limited(conn) };
	const size_t most = turn.is_limited ? conn_most_to_receive(conn) : SCRATCH_SIZE;
	size_t bytes = 0;

	(void)what;
	for (int i = 0; i < TURN_RECEIVES && bytes < TURN_BYTES; i++) {
		const ssize_t n = recv(fd, loop->scratch, most, 0);

		if (n == 0) {
			conn_end_of_stream(conn);
			return;
		}
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			if (errno != EAGAIN)
				conn_fail(conn, errno);
			return;
		}
		if (bytes == 0)
			conn->bulk = loop_prioritize(loop, &conn->readable, conn->bulk,
			    n >= CONN_BULK_BYTES, turn.now);
		if (!received(&turn, loop->scratch, (size_t)n))
			return;
		/* Edge-triggered, only EAGAIN ends it: a FIN that came with the data gives no edge. */
		if ((size_t)n < most && !loop->edge_triggered)
			return;
		bytes += (size_t)n;
	}
	conn_take_another_turn(conn);
}
