/* How a connection comes from one process to another: see packed.h. */
#include "daemon/stream/packed.h"

#include <assert.h>
#include <errno.h>

#include "daemon/stream/conn_internal.h"
#include "net/greeting.h"

static_assert(SCRATCH_SIZE <= PACKED_WAITING_MOST, "what waits may be a scratch buffer");
static_assert(GREETING_MOST <= PACKED_WAITING_MOST, "what waits may be a greeting");

/* --- giving ------------------------------------------------------------------------ */

/* Returns false where its bytes cannot be had. */
static bool
pack(const struct conn *conn, struct packed_conn *packed)
{
	const struct conn_via *via = conn_via(conn);

	*packed = (struct packed_conn){
		.state = conn->state,
		.reason = conn->reason,
		.peer = conn->peer,
		.is_proxied = via != NULL,
		.grows = conn->grows,
		.opened = conn->opened,
		.paid_until = conn->paid_until,
		.active = conn->active,
		.blocked_since = conn->blocked_since,
		.received = conn->received,
		.sent = conn->sent,
	};
	if (via != NULL)
		packed->via = *via;
	return conn_waiting_look(conn, packed);
}

int
crowd_pack(const struct crowd *crowd, packed_conn_visitor *visit, void *arg)
{
	struct packed_conn packed;

	for (enum conn_state state = CONN_READING; state < CONN_STATE_COUNT; state++) {
		const struct conn *conn = TAILQ_FIRST(&crowd->lists[state]);

		for (; conn != NULL; conn = conn_next(conn)) {
			if (conn_is_tied(conn))
				continue;
			if (!pack(conn, &packed)) {
				errno = EIO;
				return -1;
			}
			if (visit(arg, conn, fd_of(conn), &packed) == -1)
				return -1;
		}
	}
	return 0;
}

void
crowd_let_go(struct crowd *crowd, void (*let_go)(void *arg, struct conn *conn), void *arg)
{
	struct conn *conn, *next;

	for (enum conn_state state = CONN_READING; state < CONN_STATE_COUNT; state++)
		for (conn = TAILQ_FIRST(&crowd->lists[state]); conn != NULL; conn = next) {
			next = conn_next(conn);
			if (conn_is_tied(conn))
				continue;
			conn_leave(conn);
			let_go(arg, conn);
		}
}

/* --- taking ------------------------------------------------------------------------ */

struct conn *
conn_unpack(int fd, const struct packed_conn *packed, struct branch *branch)
{
	const struct conn_extras extras = { .via = packed->is_proxied ? &packed->via : NULL };
	struct conn *conn = conn_new(fd, &packed->peer, branch, &extras);

	if (conn == NULL)
		return NULL;
	conn->state = (uint8_t)packed->state & 0xf;
	conn->reason = (uint8_t)packed->reason & 0x1f;
	conn->grows = packed->grows;
	conn->opened = packed->opened;
	conn->paid_until = packed->paid_until;
	conn->active = packed->active;
	conn->blocked_since = packed->blocked_since;
	conn->received = packed->received;
	conn->sent = packed->sent;
	if (packed->waiting_size == 0 || conn_keep_waiting(conn, packed->waiting,
	    packed->waiting_size, packed->is_echo ? packed->waiting_size : 0, packed->waits_since))
		return conn;
	conn_disown(conn);
	conn_free(conn);
	errno = ENOMEM;
	return NULL;
}

static void
on_posted(void *loop, struct letter *letter)
{
	(void)loop;
	conn_go_on(conn_from_letter(letter));
}

void
conn_post_packed(struct conn *conn, struct worker *worker)
{
	worker_post(worker, &conn->letter, on_posted);
}

/* What it waited for it waits for here. */
static void
wait_again(struct conn *conn)
{
	const uint16_t blocked_since = conn->blocked_since;

	switch ((enum conn_state)conn->state) {
	case CONN_PACED:
		conn_read_on(conn);
		break;
	case CONN_BLOCKED:
	case CONN_FLUSHING:
		if (conn_wait_on(conn))
			conn->blocked_since = blocked_since;
		break;
	case CONN_CLOSING:
		conn_watch(conn);
		conn->blocked_since = blocked_since;
		break;
	default: /* for what can be read */
		if (event_add(&conn->readable, NULL) == -1)
			conn_abort(conn, CLOSE_MEMORY);
		break;
	}
}

void
conn_go_on(struct conn *conn)
{
	conn_join(conn);
	wait_again(conn);
}
