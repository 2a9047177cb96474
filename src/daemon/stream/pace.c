/* The bandwidth of a connection, limits.bandwidth_per_connection: see conn_internal.h. */
#include <event2/event.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/gcra.h"
#include "daemon/stream/conn_internal.h"

/* Into how many pieces a second's bytes are cut. */
#define PIECES_PER_SECOND 10

/* How often paced connections are looked at: ms. */
#define PACE 10

#define MILLISECOND INT64_C(1000000) /* ns */

/* How far ahead of its time a connection may be before it waits: ns. */
#define PAID_AHEAD (20 * MILLISECOND)

static int64_t
bandwidth_of(const struct conn *conn)
{
	return atomic_load_explicit(&crowd_of(conn)->limits.bandwidth, memory_order_relaxed);
}

size_t
conn_most_to_receive(const struct conn *conn)
{
	const int64_t bandwidth = bandwidth_of(conn);
	const int64_t most = bandwidth / PIECES_PER_SECOND;

	if (bandwidth == 0 || most >= SCRATCH_SIZE)
		return SCRATCH_SIZE;
	return most > 0 ? (size_t)most : 1;
}

/* True while more was received than its bandwidth allows by now. */
static bool
is_ahead(const struct conn *conn)
{
	return conn->paid_until != 0 && bandwidth_of(conn) != 0 &&
	    gcra_is_ahead(conn->paid_until, PAID_AHEAD, clock_ms() * MILLISECOND);
}

bool
conn_pay(struct conn *conn, size_t size)
{
	const int64_t bandwidth = bandwidth_of(conn);

	if (bandwidth == 0)
		return false;
	conn->paid_until = gcra_pay(conn->paid_until, (int64_t)size * GCRA_SECOND / bandwidth,
	    clock_ms() * MILLISECOND);
	return is_ahead(conn);
}

static void on_pace(evutil_socket_t fd, short what, void *arg);

/* Looks at the paced connections of a crowd again, soon.  Returns false where memory lacks. */
static bool
arm_pacer(struct crowd *crowd)
{
	if (crowd->pacer == NULL)
		crowd->pacer = evtimer_new(crowd->loop->base, on_pace, crowd);
	return crowd->pacer != NULL && (event_pending(crowd->pacer, EV_TIMEOUT, NULL) ||
	    loop_set_timer(crowd->pacer, PACE) == 0);
}

void
conn_read_on(struct conn *conn)
{
	const bool waits = is_ahead(conn);

	conn_set_state(conn, waits ? CONN_PACED : CONN_READING);
	if (waits)
		crowd_watch(crowd_of(conn));
	if (!(waits ? arm_pacer(crowd_of(conn)) : event_add(&conn->readable, NULL) == 0))
		conn_abort(conn, CLOSE_MEMORY);
}

/* Lets those read on whose time has come. */
static void
on_pace(evutil_socket_t fd, short what, void *arg)
{
	struct crowd *crowd = arg;
	struct conn *conn, *next;

	(void)fd;
	(void)what;
	for (conn = TAILQ_FIRST(&crowd->lists[CONN_PACED]); conn != NULL; conn = next) {
		next = conn_next(conn);
		if (!is_ahead(conn))
			conn_read_on(conn);
	}
	if (!TAILQ_EMPTY(&crowd->lists[CONN_PACED]))
		arm_pacer(crowd);
}
