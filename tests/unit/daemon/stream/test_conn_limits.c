/*
 * The limits of a connection: the deadlines that a sweep keeps, its bandwidth, its silence in
 * a drain.  Each test runs over each back end.
 */
#include <linux/sock_diag.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/stream/conn_internal.h"
#include "daemon/stream/limits/sweep.h"
#include "net/buffers.h"
#include "conn_ways.h"
#include "one_conn.h"
#include "runner.h"

START_TEST(idle_ends_by_the_clock_alone)
{
	int64_t now;

	set_up(&one_conn_configs[_i]);
	atomic_store(&crowd->limits.idle, 60000);
	now = clock_ms();
	ck_assert_int_le(sweep_due(crowd, now, 100000), 60000);
	ck_assert_int_eq(conn_state(conn), CONN_READING);
	ck_assert_int_eq(sweep_due(crowd, now, 1000), 1000);
	sweep_due(crowd, now + 60100, 1000);
	ck_assert_int_eq(conn_state(conn), CONN_LINGERING);
	rest();
	/* It has lingered for no time yet; the sweep says when it will have. */
	now = clock_ms();
	ck_assert_int_le(sweep_due(crowd, now, 100000), 5000);
	ck_assert(!closed);
	sweep_due(crowd, now + 5100, 1000);
	turn();
	ck_assert(closed);
	ck_assert_int_eq(reason, CLOSE_IDLE);
	tear_down();
}
END_TEST

START_TEST(no_idle_timeout_ends_nobody)
{
	set_up(&one_conn_configs[_i]);
	ck_assert_int_eq(sweep_due(crowd, clock_ms() + INT64_C(1000000000), 1000), 1000);
	ck_assert_int_eq(conn_state(conn), CONN_READING);
	tear_down();
}
END_TEST

START_TEST(idle_while_blocked_is_aborted)
{
	set_up(&one_conn_configs[_i]);
	atomic_store(&crowd->limits.idle, 60000);
	fill();
	sweep_due(crowd, clock_ms() + 60100, 1000);
	turn();
	ck_assert(closed);
	ck_assert_int_eq(reason, CLOSE_IDLE);
	tear_down();
}
END_TEST

/* Takes `size` bytes of what waits for the peer. */
static void
peer_take(size_t size)
{
	unsigned char chunk[4096];

	for (; size > 0; size -= sizeof(chunk) < size ? sizeof(chunk) : size)
		ck_assert_int_gt(recv(peer, chunk, sizeof(chunk) < size ? sizeof(chunk) : size, 0), 0);
}

START_TEST(a_peer_that_takes_nothing_is_aborted)
{
	int64_t now;

	set_up(&one_conn_configs[_i]);
	atomic_store(&crowd->limits.write, 60000);
	fill();
	now = clock_ms();
	sweep_due(crowd, now + 59000, 1000);
	turn();
	ck_assert(!closed);
	sweep_due(crowd, now + 60100, 1000);
	turn();
	ck_assert(closed);
	ck_assert_int_eq(reason, CLOSE_WRITE);
	tear_down();
}
END_TEST

/* A byte that the kernel's buffers lost is one that the peer took, though echod moved none. */
START_TEST(a_peer_that_takes_a_little_is_given_time_but_not_for_ever)
{
	int64_t now;

	set_up(&one_conn_configs[_i]);
	atomic_store(&crowd->limits.write, 60000);
	fill();
	now = clock_ms();
	for (int i = 1; i < 9; i++) {
		peer_take(12000);
		sweep_due(crowd, now + i * INT64_C(60100), 1000);
		ck_assert(!closed);
		ck_assert_int_eq(conn_state(conn), CONN_BLOCKED);
	}
	peer_take(12000);
	sweep_due(crowd, now + 620000, 1000);
	turn();
	ck_assert(closed);
	ck_assert_int_eq(reason, CLOSE_WRITE);
	tear_down();
}
END_TEST

/* It stays due for as long as its peer takes nothing. */
START_TEST(a_stalled_one_is_not_looked_at_without_a_break)
{
	int64_t now;

	set_up(&one_conn_configs[_i]);
	fill();
	now = clock_ms();
	ck_assert_int_le(sweep_due(crowd, now + 1900, 1000), 200);
	ck_assert_int_eq(sweep_due(crowd, now + 2100, 1000), CROWD_WATCH);
	ck_assert_uint_eq(crowd->stalled, 1);
	ck_assert_int_eq(sweep_due(crowd, now + 9000, 1000), CROWD_WATCH);
	ck_assert_int_eq(sweep_due(crowd, now + 9100, 50), 50);
	sweep_abort_all(crowd, CLOSE_STOP, false);
	turn();
	tear_down();
}
END_TEST

START_TEST(one_stalled_too_many_is_aborted)
{
	int64_t now;

	set_up(&one_conn_configs[_i]);
	atomic_store(&crowd->limits.stalled, 1);
	fill();
	now = clock_ms();
	sweep_due(crowd, now + 1900, 1000);
	ck_assert_uint_eq(crowd->stalled, 0);
	sweep_due(crowd, now + 2100, 1000);
	ck_assert_uint_eq(crowd->stalled, 1);
	peer_take(40000); /* it moves: stalled no more */
	sweep_due(crowd, now + 2200, 1000);
	ck_assert_uint_eq(crowd->stalled, 0);
	ck_assert(!closed);
	crowd->stalled = 1; /* as if another one were */
	now = clock_ms() + 2100;
	sweep_due(crowd, now, 1000);
	ck_assert_int_eq(sweep_watch(crowd, now), 0);
	turn();
	ck_assert(closed);
	ck_assert_int_eq(reason, CLOSE_STALLED);
	crowd->stalled = 0;
	tear_down();
}
END_TEST

START_TEST(memory_is_given_back_once_a_second)
{
	const size_t much = 16 << 20;
	const int64_t now = clock_ms();

	set_up(&one_conn_configs[0]);
	crowd->own_most = much;
	sweep_due(crowd, now, 1000);
	ck_assert_uint_eq(crowd->own_most, 0);
	crowd->own_most = much;
	sweep_due(crowd, now + 900, 1000);
	ck_assert_uint_eq(crowd->own_most, much);
	sweep_due(crowd, now + 1000, 1000);
	ck_assert_uint_eq(crowd->own_most, 0);
	tear_down();
}
END_TEST

START_TEST(a_lifetime_ends_whoever_is_busy)
{
	bool eof;

	set_up(&one_conn_configs[_i]);
	atomic_store(&crowd->limits.lifetime, 60000);
	sweep_due(crowd, clock_ms() + 59000, 1000);
	ck_assert_int_eq(conn_state(conn), CONN_READING);
	peer_send_all(0, 100);
	turn();
	sweep_due(crowd, clock_ms() + 60100, 1000);
	ck_assert_int_eq(conn_state(conn), CONN_LINGERING);
	ck_assert_uint_eq(peer_receive(0, &eof), 100);
	sweep_abort_all(crowd, CLOSE_STOP, false);
	turn();
	tear_down();
	ck_assert_int_eq(reason, CLOSE_LIFETIME);
}
END_TEST

/* It has ended its side; the kernel would hold its echo for minutes after a close. */
START_TEST(a_peer_that_never_takes_the_rest_is_aborted)
{
	int64_t now;

	set_up(&one_conn_configs[_i]);
	atomic_store(&crowd->limits.write, 60000);
	be_closing();
	ck_assert(!closed);
	ck_assert_int_eq(conn_state(conn), CONN_CLOSING);
	now = clock_ms();
	ck_assert_int_eq(sweep_watch(crowd, now), CROWD_WATCH);
	ck_assert(!closed);
	peer_take(60000);
	sweep_due(crowd, now + 60100, 1000);
	ck_assert(!closed);
	rest();
	sweep_due(crowd, clock_ms() + 60100, 1000);
	turn();
	ck_assert(closed);
	ck_assert_int_eq(reason, CLOSE_WRITE);
	tear_down();
}
END_TEST

/* --- a peer that is gone, in each state ---------------------------------------------- */

/* No limit is set: nothing else would ever end it. */
START_TEST(a_reset_is_noticed_in_each_state)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	const int way = _i / ONE_CONN_CONFIGS;

	set_up(&one_conn_configs[_i % ONE_CONN_CONFIGS]);
	conn_ways[way].be();
	ck_assert(!closed);
	ck_assert_int_eq(conn_state(conn), conn_ways[way].state);
	sweep_watch(crowd, clock_ms() + 1000);
	ck_assert(!closed);
	ck_assert_int_eq(setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	close(peer);
	peer = -1;
	turn();
	sweep_watch(crowd, clock_ms() + 1000);
	turn();
	ck_assert(closed);
	ck_assert_int_eq(reason, conn_ways[way].reason);
	ck_assert_int_eq(sweep_watch(crowd, clock_ms() + 1000), 0);
	tear_down();
}
END_TEST

static size_t
held_by_kernel(void)
{
	uint32_t info[SK_MEMINFO_VARS];
	socklen_t length = sizeof(info);

	ck_assert_int_eq(getsockopt(served, SOL_SOCKET, SO_MEMINFO, info, &length), 0);
	return (size_t)info[SK_MEMINFO_RMEM_ALLOC] + info[SK_MEMINFO_WMEM_QUEUED] +
	    info[SK_MEMINFO_FWD_ALLOC];
}

/* Bytes that wait here count as those that wait in the kernel do. */
START_TEST(memory_of_this_process_counts_as_held)
{
	size_t waits;

	set_up(&one_conn_configs[_i]);
	ck_assert_uint_lt(conn_memory(conn), 20000);
	fill();
	ck_assert_int_eq(conn_state(conn), CONN_BLOCKED);
	waits = ledger_total(ledger, ROW_RECEIVED_BYTES) - ledger_total(ledger, ROW_SENT_BYTES);
	ck_assert_uint_gt(waits, 0);
	/* Of a limit all but a sixteenth may be held by who is silent. */
	atomic_store(&crowd->limits.blocked_memory, (held_by_kernel() + waits + 2048) * 16 / 15);
	sweep_watch(crowd, clock_ms() + 1000);
	ck_assert(!closed);
	atomic_store(&crowd->limits.blocked_memory, (held_by_kernel() + waits / 2) * 16 / 15);
	sweep_watch(crowd, clock_ms() + 2000);
	turn();
	ck_assert(closed);
	ck_assert_int_eq(reason, CLOSE_STALLED);
	tear_down();
}
END_TEST

static void
look_at_memory_now(void)
{
	crowd->memory_looked = 0;
	sweep_watch(crowd, clock_ms());
	turn();
}

/* It has just moved, so it is not silent. */
START_TEST(beyond_the_memory_nobody_is_spared)
{
	set_up(&one_conn_configs[_i]);
	fill();
	atomic_store(&crowd->limits.blocked_memory, conn_memory(conn) + conn_memory(conn) / 32);
	conn_touch(conn, clock_ms());
	look_at_memory_now();
	ck_assert(!closed);
	atomic_store(&crowd->limits.blocked_memory, conn_memory(conn) / 2);
	conn_touch(conn, clock_ms());
	look_at_memory_now();
	ck_assert(closed);
	ck_assert_int_eq(reason, CLOSE_STALLED);
	tear_down();
}
END_TEST

static int
receive_buffer(void)
{
	int size = 0;
	socklen_t length = sizeof(size);

	ck_assert_int_eq(getsockopt(served, SOL_SOCKET, SO_RCVBUF, &size, &length), 0);
	return size;
}

/* Sends so much, and takes all of it. */
static size_t
peer_exchange(size_t from, size_t size)
{
	size_t sent = from, seen = from;
	bool eof;

	while (seen < from + size) {
		sent = peer_send(sent, from + size);
		turn();
		seen = peer_receive(seen, &eof);
	}
	return seen;
}

START_TEST(nobody_gets_larger_buffers_while_memory_is_short)
{
	size_t at;

	set_up_with(&one_conn_configs[_i], 0);
	atomic_store(&crowd->limits.blocked_memory, BUFFERS_GROWTH);
	look_at_memory_now();
	at = peer_exchange(0, 300000);
	ck_assert_int_le(receive_buffer(), 32768);
	atomic_store(&crowd->limits.blocked_memory, 2 * BUFFERS_GROWTH + 1000000);
	look_at_memory_now();
	peer_exchange(at, 1000);
	ck_assert_int_ge(receive_buffer(), BUFFERS_GROWTH);
	tear_down();
}
END_TEST

START_TEST(a_bandwidth_paces_what_is_read)
{
	const int64_t begun = clock_ms();
	size_t seen = 0;
	bool eof;

	set_up(&one_conn_configs[_i]);
	atomic_store(&crowd->limits.bandwidth, 100000);
	peer_send_all(0, 30000);
	turn();
	turn();
	ck_assert_int_eq(conn_state(conn), CONN_PACED);
	ck_assert_uint_eq(ledger_total(ledger, ROW_RECEIVED_BYTES), 10000); /* a tenth of a second's */
	while (seen < 30000) {
		event_base_loop(loop->base, EVLOOP_ONCE);
		seen = peer_receive(seen, &eof);
	}
	ck_assert_int_ge(clock_ms() - begun, 150); /* two of three pieces were paid for */
	tear_down();
}
END_TEST

START_TEST(a_drain_spares_who_is_not_silent)
{
	int64_t now;

	set_up(&one_conn_configs[_i]);
	crowd->draining = true;
	now = clock_ms();
	sweep_due(crowd, now, 100);
	ck_assert_int_eq(conn_state(conn), CONN_READING);
	sweep_due(crowd, now + 1100, 100);
	ck_assert_int_eq(conn_state(conn), CONN_LINGERING);
	tear_down();
	ck_assert_int_eq(reason, CLOSE_STOP);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("conn_limits");
	TCase *tests = tcase_create("conn_limits");

	signal(SIGPIPE, SIG_IGN); /* as main() does: a bufferevent writes without MSG_NOSIGNAL */
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, idle_ends_by_the_clock_alone, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, no_idle_timeout_ends_nobody, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, idle_while_blocked_is_aborted, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_peer_that_takes_nothing_is_aborted, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_peer_that_takes_a_little_is_given_time_but_not_for_ever, 0,
	    ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_stalled_one_is_not_looked_at_without_a_break, 0,
	    ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, one_stalled_too_many_is_aborted, 0, ONE_CONN_CONFIGS);
	tcase_add_test(tests, memory_is_given_back_once_a_second);
	tcase_add_loop_test(tests, a_lifetime_ends_whoever_is_busy, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_peer_that_never_takes_the_rest_is_aborted, 0,
	    ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_reset_is_noticed_in_each_state, 0, CONN_WAYS * ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, memory_of_this_process_counts_as_held, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, beyond_the_memory_nobody_is_spared, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, nobody_gets_larger_buffers_while_memory_is_short, 0,
	    ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_bandwidth_paces_what_is_read, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_drain_spares_who_is_not_silent, 0, ONE_CONN_CONFIGS);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
