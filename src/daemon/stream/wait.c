/* The bytes of a connection that its socket did not take: see conn_internal.h. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_struct.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/stream/conn_internal.h"

/* About what libevent allocates for a bufferevent with two empty buffers: bytes. */
#define BUFFEREVENT_SIZE 1024

struct waiting {
	struct bufferevent *buffer;
	size_t size, echoed; /* as conn_wait_with() was told: bytes */
	int64_t begun;       /* clock_us() */
};

struct copy {
	struct crowd *crowd; /* which counts it */
	unsigned char bytes[];
};

/* The output buffer changed; what went out of it was taken by the socket. */
static void
on_taken(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *arg)
{
	struct conn *conn = arg;

	(void)buffer;
	if (info->n_deleted == 0)
		return;
	counter_subtract(&crowd_of(conn)->blocked_bytes, info->n_deleted);
	if (conn->waiting->echoed > 0 && !conn->is_secure)
		conn_count_sent(conn, info->n_deleted, clock_ms());
	else
		conn_touch(conn, clock_ms());
}

/* Nothing waits any more. */
static void
on_drained(struct bufferevent *buffer, void *arg)
{
	struct conn *conn = arg;
	const struct waiting *waiting = conn->waiting;

	(void)buffer;
	if (waiting->echoed > 0 && conn->is_secure)
		conn_count_sent(conn, waiting->echoed, clock_ms());
	if (waiting->echoed > 0)
		histogram_add(conn->branch->waits, &wait_scale,
		    (uint64_t)(clock_us() - waiting->begun));
	conn_wait_end(conn);
	conn_log_drained(conn);
	if (conn->state == CONN_FLUSHING)
		conn_shut_down(conn);
	else if (conn->state != CONN_SHAKING)
		conn_read_on(conn);
	else if (event_add(&conn->readable, NULL) == -1)
		conn_abort(conn, CLOSE_MEMORY);
}

static void
on_failed(struct bufferevent *buffer, short what, void *arg)
{
	(void)buffer;
	(void)what;
	conn_fail(arg, EVUTIL_SOCKET_ERROR());
}

/* Not by conn_wait_end(): a bufferevent is freed later, by its loop. */
static void
free_copy(const void *bytes, size_t size, void *arg)
{
	struct copy *copy = arg;

	(void)bytes;
	crowd_drop_memory(copy->crowd, size);
	free(copy);
}

/*
 * A buffer of libevent's own would round the size up to a power of two.  Returns false where
 * memory lacks.
 */
static bool
add_copy(struct evbuffer *output, const void *data, size_t size, struct crowd *crowd)
{
	struct copy *copy = malloc(sizeof(*copy) + size);

	if (copy == NULL)
		return false;
	copy->crowd = crowd;
	memcpy(copy->bytes, data, size);
	if (evbuffer_add_reference(output, copy->bytes, size, free_copy, copy) == -1) {
		free(copy);
		return false;
	}
	counter_add(&crowd->blocked_bytes, size);
	crowd_take_memory(crowd, size);
	return true;
}

static struct waiting *
waiting_new(struct conn *conn, size_t size)
{
	struct waiting *waiting = malloc(sizeof(*waiting));

	if (waiting == NULL)
		return NULL;
	waiting->buffer = bufferevent_socket_new(loop_of(conn)->base, fd_of(conn), 0);
	if (waiting->buffer == NULL) {
		free(waiting);
		return NULL;
	}
	bufferevent_setcb(waiting->buffer, NULL, on_drained, on_failed, conn);
	waiting->size = size;
	waiting->begun = clock_us();
	return waiting;
}

/*
 * The read event goes before the bufferevent's first write: under EPOLLET both on one
 * descriptor would leave it registered for writing alone.
 */
bool
conn_wait_with(struct conn *conn, const void *data, size_t size, size_t echoed)
{
	struct evbuffer *output;

	event_del(&conn->readable);
	conn->waiting = waiting_new(conn, size);
	if (conn->waiting == NULL) {
		conn_abort(conn, CLOSE_MEMORY);
		return false;
	}
	conn->waiting->echoed = echoed;
	counter_add(&crowd_of(conn)->blocked, 1);
	output = bufferevent_get_output(conn->waiting->buffer);
	if (!add_copy(output, data, size, crowd_of(conn)) ||
	    evbuffer_add_cb(output, on_taken, conn) == NULL ||
	    !event_pending(&conn->waiting->buffer->ev_write, EV_WRITE, NULL)) { /* not told */
		/* Nothing of it is counted as sent: the close takes it off the books. */
		conn_abort(conn, CLOSE_MEMORY);
		return false;
	}
	if (conn->state == CONN_READING || conn->state == CONN_PACED)
		conn_set_state(conn, CONN_BLOCKED);
	conn_watch(conn);
	return true;
}

void
conn_wait_end(struct conn *conn)
{
	if (conn->waiting == NULL)
		return;
	counter_subtract(&crowd_of(conn)->blocked, 1);
	counter_subtract(&crowd_of(conn)->blocked_bytes, conn_waiting_bytes(conn));
	bufferevent_free(conn->waiting->buffer);
	free(conn->waiting);
	conn->waiting = NULL;
}

size_t
conn_waiting_bytes(const struct conn *conn)
{
	if (conn->waiting == NULL)
		return 0;
	return evbuffer_get_length(bufferevent_get_output(conn->waiting->buffer));
}

size_t
conn_waiting_memory(const struct conn *conn)
{
	return conn->waiting != NULL ? conn->waiting->size + BUFFEREVENT_SIZE : 0;
}
