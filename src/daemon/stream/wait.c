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

struct copy {
	struct crowd *crowd; /* which counts it */
	unsigned char bytes[];
};

struct waiting {
	struct bufferevent *buffer; /* NULL: they do not wait in it yet, but in */
	struct copy *copy;
	size_t size, echoed; /* as conn_wait_with() was told: bytes */
	int64_t begun;       /* clock_us() */
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

bool
conn_keep_waiting(struct conn *conn, const void *data, size_t size, size_t echoed, int64_t begun)
{
	struct waiting *waiting = malloc(sizeof(*waiting));
	struct copy *copy = malloc(sizeof(*copy) + size);

	if (waiting == NULL || copy == NULL) {
		free(waiting);
		free(copy);
		return false;
	}
	copy->crowd = crowd_of(conn);
	memcpy(copy->bytes, data, size);
	*waiting = (struct waiting){ .size = size, .echoed = echoed, .begun = begun };
	waiting->copy = copy;
	conn->waiting = waiting;
	return true;
}

/*
 * A buffer of libevent's own would round the size up to a power of two.  Returns false where
 * memory lacks.
 */
static bool
add_copy(struct evbuffer *output, struct waiting *waiting, struct crowd *crowd)
{
	struct copy *copy = waiting->copy;

	if (evbuffer_add_reference(output, copy->bytes, waiting->size, free_copy, copy) == -1)
		return false;
	waiting->copy = NULL;
	counter_add(&crowd->blocked_bytes, waiting->size);
	crowd_take_memory(crowd, waiting->size);
	return true;
}

/* Returns false where memory lacks.  Nothing of it is counted as sent then. */
static bool
fill_buffer(struct conn *conn)
{
	struct waiting *waiting = conn->waiting;
	struct evbuffer *output;

	waiting->buffer = bufferevent_socket_new(loop_of(conn)->base, fd_of(conn), 0);
	if (waiting->buffer == NULL)
		return false;
	bufferevent_setcb(waiting->buffer, NULL, on_drained, on_failed, conn);
	counter_add(&crowd_of(conn)->blocked, 1);
	output = bufferevent_get_output(waiting->buffer);
	return add_copy(output, waiting, crowd_of(conn)) &&
	    evbuffer_add_cb(output, on_taken, conn) != NULL &&
	    event_pending(&waiting->buffer->ev_write, EV_WRITE, NULL) != 0; /* it is not told */
}

bool
conn_wait_on(struct conn *conn)
{
	if (!fill_buffer(conn)) {
		conn_abort(conn, CLOSE_MEMORY);
		return false;
	}
	conn_watch(conn);
	return true;
}

/*
 * The read event goes before the bufferevent's first write: under EPOLLET both on one
 * descriptor would leave it registered for writing alone.
 */
bool
conn_wait_with(struct conn *conn, const void *data, size_t size, size_t echoed)
{
	event_del(&conn->readable);
	if (!conn_keep_waiting(conn, data, size, echoed, clock_us())) {
		conn_abort(conn, CLOSE_MEMORY);
		return false;
	}
	if (conn->state == CONN_READING || conn->state == CONN_PACED)
		conn_set_state(conn, CONN_BLOCKED);
	return conn_wait_on(conn);
}

void
conn_wait_end(struct conn *conn)
{
	struct waiting *waiting = conn->waiting;

	if (waiting == NULL)
		return;
	if (waiting->buffer != NULL) {
		counter_subtract(&crowd_of(conn)->blocked, 1);
		counter_subtract(&crowd_of(conn)->blocked_bytes, conn_waiting_bytes(conn));
		bufferevent_free(waiting->buffer);
	}
	free(waiting->copy);
	free(waiting);
	conn->waiting = NULL;
}

size_t
conn_waiting_bytes(const struct conn *conn)
{
	if (conn->waiting == NULL || conn->waiting->buffer == NULL)
		return 0;
	return evbuffer_get_length(bufferevent_get_output(conn->waiting->buffer));
}

size_t
conn_waiting_memory(const struct conn *conn)
{
	return conn->waiting != NULL ? conn->waiting->size + BUFFEREVENT_SIZE : 0;
}

/* They were added at once, so that they lie together; the buffer's start is frozen. */
bool
conn_waiting_look(const struct conn *conn, struct packed_conn *packed)
{
	const struct waiting *waiting = conn->waiting;
	struct evbuffer_iovec extent = { NULL, 0 };

	if (waiting == NULL)
		return true;
	packed->waiting_size = conn_waiting_bytes(conn);
	packed->is_echo = waiting->echoed > 0;
	packed->waits_since = waiting->begun;
	if (evbuffer_peek(bufferevent_get_output(waiting->buffer), -1, NULL, &extent, 1) != 1)
		return false;
	packed->waiting = extent.iov_base;
	return extent.iov_len == packed->waiting_size;
}
