/* One stream connection: see conn.h. */
#include "daemon/stream/conn.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/stream/conn_internal.h"

static_assert(CLOSE_REASON_COUNT <= 32, "a reason has 5 bits");

/* What few connections have besides, after them. */
struct tail {
	struct conn_via via;
	bool is_proxied; /* `via` is of it */
	uint16_t greeting_size;
	char greeting[];
};

/* Behind what else it has. */
static size_t
tail_offset(const struct conn *conn)
{
	return sizeof(*conn) + (conn->is_secure ? sizeof(struct secure) : 0);
}

static const struct tail *
tail_of(const struct conn *conn)
{
	const void *tail = (const char *)conn + tail_offset(conn);

	return conn->has_tail ? tail : NULL;
}

/* --- life ------------------------------------------------------------------- */

/* While it is not open its event is good for this alone. */
static void
keep_fd(struct conn *conn, int fd)
{
	event_assign(&conn->readable, NULL, fd, 0, conn_on_readable, conn);
}

static void
set_tail(struct conn *conn, const struct conn_extras *extras)
{
	struct tail *tail = (void *)((char *)conn + tail_offset(conn));

	conn->has_tail = true;
	tail->is_proxied = extras->via != NULL;
	if (tail->is_proxied)
		tail->via = *extras->via;
	tail->greeting_size = (uint16_t)extras->greeting_size;
	if (extras->greeting_size > 0)
		memcpy(tail->greeting, extras->greeting, extras->greeting_size);
}

struct conn *
conn_new(int fd, const struct address *peer, struct branch *branch,
    const struct conn_extras *extras)
{
	const bool has_tail = extras->via != NULL || extras->greeting_size > 0;
	struct conn *conn = calloc(1, sizeof(*conn) +
	    (extras->tls != NULL ? sizeof(struct secure) : 0) +
	    (has_tail ? sizeof(struct tail) + extras->greeting_size : 0));

	if (conn == NULL)
		return NULL;
	conn->is_secure = extras->tls != NULL;
	if (conn->is_secure)
		secure_of(conn)->context = tls_context_hold(extras->tls);
	if (has_tail)
		set_tail(conn, extras);
	keep_fd(conn, fd);
	conn->is_unix = (extras->via != NULL ? extras->via->proxy : *peer).sa.sa_family == AF_UNIX;
	conn->peer = *peer;
	conn->branch = branch;
	ledger_hold(branch->ledger);
	return conn;
}

void
conn_free(struct conn *conn)
{
	if (conn == NULL)
		return;
	if (fd_of(conn) != -1)
		close(fd_of(conn));
	conn_wait_end(conn);
	if (conn->is_secure)
		tls_context_release(secure_of(conn)->context);
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
	if (crowd_of(conn)->walk != NULL)
		walk_pass(crowd_of(conn)->walk, conn);
	TAILQ_REMOVE(list_of(conn), conn, neighbours);
	conn->state = (uint8_t)state & 0xf;
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
conn_join(struct conn *conn)
{
	struct loop *loop = loop_of(conn);
	const short edge = loop->edge_triggered ? EV_ET : 0;

	conn->seen = crowd_of(conn)->walked; /* a walk that is under way has begun before it */
	TAILQ_INSERT_TAIL(list_of(conn), conn, neighbours);
	event_assign(&conn->readable, loop->base, fd_of(conn), EV_READ | EV_PERSIST | edge,
	    conn->is_secure ? conn_on_sealed : conn_on_readable, conn);
	/* Before it has asked it may be either. */
	loop_set_bulk(loop, &conn->readable, true);
	conn->bulk = 1;
}

void
conn_open(struct conn *conn)
{
	const char *greeting;
	const size_t size = conn_greeting(conn, &greeting);

	conn->state = conn->is_secure ? CONN_EXPECTED : CONN_READING;
	conn->opened = clock_ms();
	conn->active = (uint32_t)conn->opened;
	conn_join(conn);
	if (event_add(&conn->readable, NULL) == -1)
		conn_abort(conn, CLOSE_MEMORY);
	else if (size > 0 && !conn->is_secure)
		conn_greet(conn, greeting, size);
}

size_t
conn_greeting(const struct conn *conn, const char **greeting)
{
	const struct tail *tail = tail_of(conn);

	*greeting = tail != NULL ? tail->greeting : "";
	return tail != NULL ? tail->greeting_size : 0;
}

void
conn_leave(struct conn *conn)
{
	conn_unmark_stalled(conn);
	if (crowd_of(conn)->walk != NULL)
		walk_forget(crowd_of(conn)->walk, conn);
	TAILQ_REMOVE(list_of(conn), conn, neighbours);
	event_del(&conn->readable);
	if (conn->bulk)
		loop_set_bulk(loop_of(conn), &conn->readable, false);
	if (conn->is_secure) {
		conn_end_handshake(conn);
		conn_free_session(conn);
	}
	conn_wait_end(conn);
}

void
conn_disown(struct conn *conn)
{
	keep_fd(conn, -1);
}

void
conn_close(struct conn *conn, enum close_reason reason)
{
	if (log_wants(LOG_INFO))
		conn_log_closed(conn, reason);
	conn->reason = (uint8_t)reason & 0x1f;
	conn_leave(conn);
	close(fd_of(conn));
	conn_disown(conn);
	inbox_post(loop_of(conn)->home, &conn->letter, crowd_of(conn)->closed);
}

void
conn_abort(struct conn *conn, enum close_reason reason)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd_of(conn), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	conn_close(conn, reason);
}

/* --- what happens to it --------------------------------------------------------- */

void
conn_fail(struct conn *conn, int error)
{
	char peer[ADDRESS_TEXT_SIZE];
	const bool had_all = conn->is_secure && secure_of(conn)->had_all;
	const bool ending = conn->state >= CONN_FLUSHING && (conn->reason != CLOSE_PEER || had_all);

	log_debug("handling exceptional condition for %s", address_format(&conn->peer, peer));
	conn_close(conn, ending ? conn->reason : close_reason_of(error));
}

void
conn_shut_down(struct conn *conn)
{
	if (conn->is_secure && !conn_seal_end(conn))
		return;
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

/* --- ending ------------------------------------------------------------------- */

void
conn_finish(struct conn *conn, enum close_reason reason)
{
	switch ((enum conn_state)conn->state) {
	case CONN_EXPECTED:
	case CONN_QUEUED:
	case CONN_SHAKING:
		conn_close(conn, reason); /* nothing of it can be lost */
		break;
	case CONN_READING:
	case CONN_PACED:
		conn->reason = (uint8_t)reason & 0x1f;
		conn_shut_down(conn);
		break;
	case CONN_BLOCKED:
		conn->reason = (uint8_t)reason & 0x1f;
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

bool
conn_is_tied(const struct conn *conn)
{
	return conn->is_secure;
}

const struct address *
conn_peer(const struct conn *conn)
{
	return &conn->peer;
}

const struct conn_via *
conn_via(const struct conn *conn)
{
	const struct tail *tail = tail_of(conn);

	return tail != NULL && tail->is_proxied ? &tail->via : NULL;
}

enum tls_fault
conn_tls_fault(const struct conn *conn)
{
	return secure_seen(conn)->fault;
}

enum close_reason
conn_reason(const struct conn *conn)
{
	return conn->reason;
}

void
conn_facts(const struct conn *conn, struct conn_facts *facts)
{
	const struct secure *secure = conn->is_secure ? secure_seen(conn) : NULL;

	*facts = (struct conn_facts){
		.state = conn->state,
		.opened = conn->opened,
		.received = conn->received,
		.sent = conn->sent,
		.waiting = conn_waiting_bytes(conn),
		.session = secure != NULL && !secure->is_shaking ? secure->session : NULL,
	};
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
