/* One connection in each state: see conn_ways.h. */
#include "conn_ways.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include "one_conn.h"
#include "runner.h"

static size_t
be_reading(void)
{
	return 0;
}

/* It sends three seconds' bytes. */
static size_t
be_paced(void)
{
	atomic_store(&crowd->limits.bandwidth, 1);
	peer_send_all(0, 3);
	turn();
	return 3;
}

size_t
be_blocked(void)
{
	return fill();
}

size_t
be_flushing(void)
{
	const size_t sent = fill();

	conn_finish(conn, CLOSE_DRAIN);
	return sent;
}

static size_t
be_lingering(void)
{
	conn_finish(conn, CLOSE_DRAIN);
	return 0;
}

/* Of what was sent to a peer that has read nothing yet. */
static uint64_t
held_by_our_kernel(void)
{
	int at_peer = 0;

	ck_assert_int_eq(ioctl(peer, FIONREAD, &at_peer), 0);
	return ledger_total(ledger, ROW_SENT_BYTES) - (uint64_t)at_peer;
}

size_t
be_closing(void)
{
	size_t sent = 0;

	while (held_by_our_kernel() < 20000) {
		sent = peer_send(sent, sent + 10000);
		turn();
	}
	ck_assert_int_eq(conn_state(conn), CONN_READING);
	ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
	turn();
	return sent;
}

const struct conn_way conn_ways[] = {
	{ CONN_READING, be_reading, CLOSE_RESET, false },
	{ CONN_PACED, be_paced, CLOSE_RESET, true },
	{ CONN_BLOCKED, be_blocked, CLOSE_RESET, true },
	{ CONN_FLUSHING, be_flushing, CLOSE_DRAIN, true },
	{ CONN_LINGERING, be_lingering, CLOSE_DRAIN, false },
	{ CONN_CLOSING, be_closing, CLOSE_RESET, true },
};
