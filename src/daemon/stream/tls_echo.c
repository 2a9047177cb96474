/*
 * What is read goes back, sealed: see conn_internal.h.  A turn is one recv(2), of which TLS opens
 * all there is, and one send(2) of what it seals again.  What the socket does not take waits as it
 * is, sealed.
 */
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/stream/conn_internal.h"
#include "daemon/stream/secure_room.h"

/* What a turn of a connection knows, and has done so far. */
struct turn {
	struct conn *conn;
	struct tls_session *session;
	struct secure_room *room;
	int64_t now;     /* clock_ms() */
	size_t echoed;   /* bytes of the peer's that are on the wire, sealed */
	bool is_limited; /* it has a bandwidth */
	bool is_ahead;   /* of that */
};

enum sent {
	SENT_ALL,
	SENT_SOME, /* the rest waits */
	SENT_NONE, /* *conn is gone */
};

/* Sends what is on the wire. */
static enum sent
send_wire(struct conn *conn, const struct tls_wire *wire, size_t echoed, int64_t now)
{
	size_t taken = 0;
	ssize_t n;

	if (wire->out_size == 0)
		return SENT_ALL;
	n = send(fd_of(conn), wire->out, wire->out_size, MSG_NOSIGNAL);
	if (n == -1 && !conn_is_temporary(errno)) {
		conn_fail(conn, errno);
		return SENT_NONE;
	}
	if (n > 0)
		taken = (size_t)n;
	if (taken < wire->out_size)
		return conn_wait_with(conn, wire->out + taken, wire->out_size - taken, echoed)
		    ? SENT_SOME : SENT_NONE;
	if (echoed > 0)
		conn_count_sent(conn, echoed, now);
	return SENT_ALL;
}

/* It is open now: what its listener says first is the first that is sealed. */
static bool
open_up(struct turn *turn)
{
	struct conn *conn = turn->conn;
	const char *greeting;
	const size_t size = conn_greeting(conn, &greeting);

	conn_end_handshake(conn);
	conn_set_state(conn, CONN_READING);
	counter_add(&conn->branch->handshakes[tls_session_is_resumed(turn->session)
	    ? HANDSHAKE_RESUMED : HANDSHAKE_FULL], 1);
	return tls_session_write(turn->session, greeting, size);
}

/* Gives back `size` bytes that were opened.  Returns false where it cannot. */
static bool
give_back(struct turn *turn, const uint8_t *data, size_t size)
{
	struct conn *conn = turn->conn;

	if (size == 0)
		return true;
	conn_count_received(conn, size);
	turn->echoed += size;
	if (turn->is_limited)
		turn->is_ahead = conn_pay(conn, size);
	if (log_wants(LOG_DEBUG)) {
		conn_log_bytes(conn, "received", "from", data, size);
		conn_log_bytes(conn, "sending", "to", data, size);
	}
	return tls_session_write(turn->session, data, size);
}

/* Opens all that came, and seals it again. */
static enum tls_verdict
open_and_seal(struct turn *turn)
{
	struct secure_room *room = turn->room;
	enum tls_verdict verdict;
	size_t size;

	do {
		verdict = tls_session_read(turn->session, room->plain, sizeof(room->plain), &size);
		if (verdict != TLS_FAULTY && !give_back(turn, room->plain, size))
			verdict = TLS_FAULTY;
	} while (verdict == TLS_READY);
	return verdict;
}

/*
 * The handshake first; what follows it may be there already.  One of its steps costs as much as a
 * hundred echoes, so others have their turn before another one.
 */
static enum tls_verdict
advance(struct turn *turn)
{
	struct conn *conn = turn->conn;
	enum tls_verdict verdict;

	if (conn->state == CONN_SHAKING) {
		event_base_loopcontinue(loop_of(conn)->base);
		verdict = tls_session_shake(turn->session);
		if (verdict != TLS_READY)
			return verdict;
		if (!open_up(turn))
			return TLS_FAULTY;
	}
	return open_and_seal(turn);
}

/* Takes what recv gave.  Returns true while the connection may go on reading. */
static bool
take(struct turn *turn, size_t size)
{
	struct conn *conn = turn->conn;
	struct tls_wire *wire = &turn->room->wire;
	enum tls_verdict verdict;
	enum sent sent;

	wire->in = secure_sealed(turn->room);
	wire->in_size = size;
	wire->out_size = 0;
	turn->echoed = 0;
	verdict = advance(turn);
	if (verdict == TLS_FAULTY) {
		conn_blame(conn, tls_session_fault(turn->session));
		return false;
	}
	sent = send_wire(conn, wire, turn->echoed, turn->now);
	if (sent == SENT_NONE)
		return false;
	if (verdict == TLS_ENDED) { /* its socket may be open both ways */
		conn_finish(conn, CLOSE_PEER);
		return false;
	}
	if (sent == SENT_ALL && !turn->is_ahead)
		return true;
	if (sent == SENT_ALL) {
		event_del(&conn->readable);
		conn_read_on(conn);
	}
	return false;
}

/* Returns how many bytes there are to take, or 0: none now, or *conn may be gone. */
static size_t
receive(struct conn *conn, struct secure_room *room, size_t most)
{
	ssize_t n;

	do
		n = recv(fd_of(conn), secure_sealed(room), most, 0);
	while (n == -1 && errno == EINTR);
	if (n > 0)
		return (size_t)n;
	if (n == 0 && conn->state == CONN_LINGERING)
		conn_end_of_stream(conn);
	else if (n == 0)
		conn_finish(conn, CLOSE_PEER);
	else if (errno != EAGAIN)
		conn_fail(conn, errno);
	return 0;
}

void
conn_on_sealed(evutil_socket_t fd, short what, void *arg)
{
	struct conn *conn = arg;
	struct loop *loop = loop_of(conn);
	const bool is_edge = loop->edge_triggered, is_limited = conn_is_limited(conn);
	const size_t most = is_limited ? conn_most_to_receive(conn) : SECURE_TAKE;
	struct turn turn = { .conn = conn, .now = clock_ms(), .is_limited = is_limited };
	size_t bytes = 0, size;

	(void)fd;
	(void)what;
	if (conn->state == CONN_EXPECTED && !conn_begin_handshake(conn))
		return;
	turn.session = secure_of(conn)->session;
	turn.room = crowd_of(conn)->secure;
	do {
		size = receive(conn, turn.room, most);
		if (size == 0)
			return;
		if (bytes == 0 && conn->state != CONN_SHAKING)
			conn->bulk = loop_prioritize(loop, &conn->readable, conn->bulk,
			    size >= CONN_BULK_BYTES, turn.now);
		if (conn->state != CONN_LINGERING && !take(&turn, size))
			return;
		bytes += size;
		/* Edge-triggered, only EAGAIN ends it: a FIN that came with the data gives no edge. */
	} while (is_edge && bytes < SCRATCH_SIZE);
	conn_take_another_turn(conn);
}

bool
conn_seal_end(struct conn *conn)
{
	struct secure *secure = secure_of(conn);
	struct tls_wire *wire;

	if (secure->session == NULL)
		return true;
	wire = &crowd_of(conn)->secure->wire;
	wire->out_size = 0;
	tls_session_end(secure->session);
	if (wire->out_size > 0) {
		secure->had_all = conn_is_taken(conn);
		conn_set_state(conn, CONN_FLUSHING);
	}
	return send_wire(conn, wire, 0, clock_ms()) == SENT_ALL;
}
