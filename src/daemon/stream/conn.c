/* One stream connection: see conn.h. */
#include "daemon/stream/conn.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "daemon/stream/conn_internal.h"
#include "net/buffers.h"

/* What one connection may receive before the others of its worker have their turn. */
#define TURN_RECEIVES 16
#define TURN_BYTES (4 * SCRATCH_SIZE)

/* Who sends so much at once waits for those who send less. */
#define BULK_BYTES 4096

/*
 * Who was sent so much takes what it asks for: a peer that never reads gets no further than its
 * own buffer, as systems have it, and what waits behind that.  For one that makes its buffer
 * larger there is limits.blocked_memory; nobody gets more beyond half of that.
 */
#define TRUSTED_BYTES 131072

static_assert(CLOSE_REASON_COUNT <= INT8_MAX, "a reason has 7 bits");

static void on_readable(evutil_socket_t fd, short what, void *arg);

/* --- life ------------------------------------------------------------------- */

/* While it is not open its event is good for this alone. */
static void
keep_fd(struct conn *conn, int fd)
{
	event_assign(&conn->readable, NULL, fd, 0, on_readable, conn);
}

struct conn *
conn_new(int fd, const struct address *peer, struct branch *branch)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL)
		return NULL;
	keep_fd(conn, fd);
	conn->peer = *peer;
	conn->branch = branch;
	ledger_hold(branch->ledger);
	buffers_hold(fd);
	return conn;
}

void
conn_free(struct conn *conn)
{
	if (conn == NULL)
		return;
	if (fd_of(conn) != -1)
		close(fd_of(conn));
	ledger_release(conn->branch->ledger);
	free(conn);
}

static struct conn_list *
list_of(const struct conn *conn)
{
	return &crowd_of(conn)->lists[conn->state];
}

void
conn_set_state(struct conn *conn, enum conn_state state)
{
	TAILQ_REMOVE(list_of(conn), conn, neighbours);
	conn->state = (uint8_t)state & 0x1f;
	conn->active = (uint32_t)clock_ms();
	TAILQ_INSERT_TAIL(list_of(conn), conn, neighbours);
	if (conn->stalled)
		conn_unmark_stalled(conn);
}

static void
on_posted(void *loop, struct letter *letter)
{
	(void)loop;
	conn_open(conn_from_letter(letter));
}

void
conn_post(struct conn *conn, struct worker *worker)
{
	worker_post(worker, &conn->letter, on_posted);
}

void
conn_open(struct conn *conn)
{
	struct loop *loop = loop_of(conn);
	const short edge = loop->edge_triggered ? EV_ET : 0;

	conn->state = CONN_READING;
	conn->opened = clock_ms();
	conn->active = (uint32_t)conn->opened;
	TAILQ_INSERT_TAIL(list_of(conn), conn, neighbours);
	event_assign(&conn->readable, loop->base, fd_of(conn), EV_READ | EV_PERSIST | edge,
	    on_readable, conn);
	/* Before it has asked it may be either. */
	loop_set_bulk(loop, &conn->readable, true);
	conn->bulk = 1;
	if (event_add(&conn->readable, NULL) == -1)
		conn_abort(conn, CLOSE_MEMORY);
}

void
conn_close(struct conn *conn, enum close_reason reason)
{
	char peer[ADDRESS_TEXT_SIZE];

	log_info("connection closed: peer=%s listener=%s reason=%s received=%llu sent=%llu "
	    "seconds=%.3f", address_format(&conn->peer, peer), conn->branch->ledger->name,
	    close_reason_name(reason), (unsigned long long)conn->received,
	    (unsigned long long)conn->sent, (double)(clock_ms() - conn->opened) / 1000);
	conn->reason = (uint8_t)reason & 0x7f;
	conn_unmark_stalled(conn);
	TAILQ_REMOVE(list_of(conn), conn, neighbours);
	event_del(&conn->readable);
	if (conn->bulk)
		loop_set_bulk(loop_of(conn), &conn->readable, false);
	conn_wait_end(conn);
	close(fd_of(conn));
	keep_fd(conn, -1);
	inbox_post(loop_of(conn)->home, &conn->letter, crowd_of(conn)->closed);
}

void
conn_abort(struct conn *conn, enum close_reason reason)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd_of(conn), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	conn_close(conn, reason);
}

/* --- errors ------------------------------------------------------------------- */

void
conn_fail(struct conn *conn, int error)
{
	char peer[ADDRESS_TEXT_SIZE];
	const bool ending = conn->state >= CONN_FLUSHING && conn->reason != CLOSE_PEER;

	log_debug("handling exceptional condition for %s", address_format(&conn->peer, peer));
	conn_close(conn, ending ? conn->reason : close_reason_of(error));
}

static bool
is_temporary(int error)
{
	return error == EAGAIN || error == EINTR;
}

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

void
conn_count_sent(struct conn *conn, size_t size, int64_t now)
{
	count_sent(conn, size, now);
}

void
conn_shut_down(struct conn *conn)
{
	if (shutdown(fd_of(conn), SHUT_WR) == -1) {
		conn_fail(conn, errno);
		return;
	}
	conn_set_state(conn, CONN_LINGERING);
	conn_watch(conn);
	/* Added again, an edge-triggered event tells what came while nothing was read. */
	if (loop_of(conn)->edge_triggered)
		event_del(&conn->readable);
	if (event_add(&conn->readable, NULL) == -1)
		conn_abort(conn, CLOSE_MEMORY);
}

void
conn_log_drained(const struct conn *conn)
{
	char peer[ADDRESS_TEXT_SIZE];

	log_debug("output queue for %s is empty", address_format(&conn->peer, peer));
}

/* Out of the way of a byte, which would pay for the room of the texts too. */
static __attribute__((cold, noinline)) void
log_bytes(const struct conn *conn, const char *verb, const char *way, const void *data, size_t size)
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
		log_bytes(conn, "sending", "to", data, size);
	n = send(turn->fd, data, size, MSG_NOSIGNAL);
	if (n == -1 && !is_temporary(errno)) {
		conn_fail(conn, errno);
		return false;
	}
	if (n > 0)
		count_sent(conn, (size_t)n, turn->now);
	else
		n = 0;
	if ((size_t)n < size) {
		conn_wait_with(conn, (const unsigned char *)data + n, size - (size_t)n);
		return false;
	}
	if (log_wants(LOG_DEBUG))
		conn_log_drained(conn);
	return true;
}

/* --- receiving ------------------------------------------------------------------ */

/*
 * The peer has shut down its side, so nothing unread is left that would turn our
 * close into a reset.  What it has not taken yet it need never take: the kernel would
 * hold that for minutes after our close, so it is watched until it is gone.
 */
static void
end_of_stream(struct conn *conn)
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

	conn->received += size;
	counter_add(&conn->branch->received_bytes, size);
	if (log_wants(LOG_DEBUG))
		log_bytes(conn, "received", "from", data, size);
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

/*
 * The turn is over with more to read perhaps.  A level-triggered event fires again
 * by itself; an edge-triggered one is made to, after the others had their turn.
 */
static void
take_another_turn(struct conn *conn)
{
	if (!loop_of(conn)->edge_triggered)
		return;
	event_del(&conn->readable);
	if (event_add(&conn->readable, NULL) == -1)
		conn_abort(conn, CLOSE_MEMORY);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
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
			end_of_stream(conn);
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
			    n >= BULK_BYTES, turn.now);
		if (!received(&turn, loop->scratch, (size_t)n))
			return;
		/* Edge-triggered, only EAGAIN ends it: a FIN that came with the data gives no edge. */
		if ((size_t)n < most && !loop->edge_triggered)
			return;
		bytes += (size_t)n;
	}
	take_another_turn(conn);
}

/* --- ending ------------------------------------------------------------------- */

void
conn_finish(struct conn *conn, enum close_reason reason)
{
	switch ((enum conn_state)conn->state) {
	case CONN_READING:
	case CONN_PACED:
		conn->reason = (uint8_t)reason & 0x7f;
		conn_shut_down(conn);
		break;
	case CONN_BLOCKED:
		conn->reason = (uint8_t)reason & 0x7f;
		conn_set_state(conn, CONN_FLUSHING);
		break;
	case CONN_FLUSHING:
	case CONN_LINGERING:
	case CONN_CLOSING:
	case CONN_STATE_COUNT:
		break; /* on its way out */
	}
}

/* --- what others may know ------------------------------------------------------- */

struct conn *
conn_from_letter(struct letter *letter)
{
	return (struct conn *)((char *)letter - offsetof(struct conn, letter));
}

enum conn_state
conn_state(const struct conn *conn)
{
	return conn->state;
}

struct branch *
conn_branch(const struct conn *conn)
{
	return conn->branch;
}

const struct address *
conn_peer(const struct conn *conn)
{
	return &conn->peer;
}

void
conn_set_counted(struct conn *conn, bool counted)
{
	conn->counted = counted;
}

bool
conn_is_counted(const struct conn *conn)
{
	return conn->counted;
}

enum close_reason
conn_reason(const struct conn *conn)
{
	return conn->reason;
}

struct conn *
conn_next(const struct conn *conn)
{
	return TAILQ_NEXT(conn, neighbours);
}

struct conn *
conn_before(const struct conn *conn)
{
	return TAILQ_PREV(conn, conn_list, neighbours);
}
