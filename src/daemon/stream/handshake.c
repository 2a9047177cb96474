/*
 * What comes before a connection that speaks TLS is open: see conn_internal.h.
 *
 * A session takes 15 KB, and ten times that where a peer announces a long hello, so it is made
 * with the first byte, and only so many are under way at once.  The others wait in the kernel.
 */
#include <sys/socket.h>

#include "base/clock.h"
#include "daemon/stream/conn_internal.h"
#include "daemon/stream/secure_room.h"

/* What a session is taken for, for memory to be given back: bytes. */
#define SESSION_MEMORY 16384

static bool
has_room(const struct crowd *crowd)
{
	return crowd->shaking <
	    atomic_load_explicit(&crowd->limits.handshakes, memory_order_relaxed);
}

/* Makes its session.  Returns false where memory lacked, *conn then gone. */
static bool
begin(struct conn *conn)
{
	struct secure *secure = secure_of(conn);
	struct crowd *crowd = crowd_of(conn);

	if (crowd->secure == NULL)
		crowd->secure = secure_room_new();
	if (crowd->secure != NULL)
		secure->session = tls_session_new(secure->context, &crowd->secure->wire, NULL);
	if (secure->session == NULL) {
		conn_abort(conn, CLOSE_MEMORY);
		return false;
	}
	crowd_take_memory(crowd, SESSION_MEMORY);
	crowd->shaking++;
	secure->is_shaking = true;
	secure->begun = (uint32_t)clock_us();
	conn_set_state(conn, CONN_SHAKING);
	return true;
}

bool
conn_begin_handshake(struct conn *conn)
{
	if (has_room(crowd_of(conn)))
		return begin(conn);
	event_del(&conn->readable);
	conn_set_state(conn, CONN_QUEUED);
	crowd_watch(crowd_of(conn));
	return false;
}

/* Its first bytes are in the kernel: its event tells of them. */
static void
begin_next(struct crowd *crowd)
{
	struct conn *conn;

	while (has_room(crowd) && (conn = TAILQ_FIRST(&crowd->lists[CONN_QUEUED])) != NULL)
		if (begin(conn) && event_add(&conn->readable, NULL) == -1)
			conn_abort(conn, CLOSE_MEMORY);
}

void
conn_end_handshake(struct conn *conn)
{
	struct secure *secure = secure_of(conn);

	if (!secure->is_shaking)
		return;
	secure->is_shaking = false;
	secure->took = (uint32_t)clock_us() - secure->begun;
	crowd_of(conn)->shaking--;
	begin_next(crowd_of(conn));
}

void
conn_end_session(struct conn *conn)
{
	struct secure *secure = secure_of(conn);

	if (secure->session == NULL)
		return;
	conn_end_handshake(conn);
	tls_session_free(secure->session);
	secure->session = NULL;
	crowd_of(conn)->own_memory -= SESSION_MEMORY;
}

/* A flood, or one that is out of time, is owed no word. */
static bool
is_told(enum tls_fault fault)
{
	return fault != FAULT_TLS_FLOOD && fault != FAULT_TLS_MEMORY &&
	    fault != FAULT_TLS_TIMEOUT && fault != FAULT_TLS_CROWDED;
}

/* What is sent first is an alert; who still sends is listened to, or a reset would take it back. */
void
conn_blame(struct conn *conn, enum tls_fault fault)
{
	struct secure *secure = secure_of(conn);
	const struct tls_wire *wire;

	secure->fault = (uint8_t)fault;
	counter_add(&conn->branch->tls_faults[fault], 1);
	if (!is_told(fault)) {
		conn_abort(conn, CLOSE_TLS);
		return;
	}
	wire = &crowd_of(conn)->secure->wire;
	if (wire->out_size > 0)
		(void)!send(fd_of(conn), wire->out, wire->out_size, MSG_NOSIGNAL);
	conn_end_session(conn);
	conn->reason = CLOSE_TLS;
	conn_shut_down(conn);
}
