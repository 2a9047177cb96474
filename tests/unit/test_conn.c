/*
 * A connection over a socketpair: back-pressure, its states, its ends, and the
 * deadlines that a sweep keeps.  Each test runs over each back end.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/conn.h"
#include "daemon/sweep.h"
#include "runner.h"

static const struct config configs[] = {
	{ .event_method = EVENT_METHOD_EPOLL },
	{ .event_method = EVENT_METHOD_EPOLL, .edge_triggered = true },
	{ .event_method = EVENT_METHOD_POLL },
	{ .event_method = EVENT_METHOD_SELECT },
};
#define CONFIG_COUNT ((int)(sizeof(configs) / sizeof(configs[0])))

static struct event_base *control;
static struct inbox *reports;
static struct loop *loop;
static struct ledger *ledger;
static struct conn *conn;
static int peer;
static bool closed;
static enum close_reason reason;

static void
on_closed(void *owner, struct message *message)
{
	(void)owner;
	closed = true;
	reason = conn_reason(conn_from_message(message));
	conn_free(conn_from_message(message));
}

static void
set_up(const struct config *config)
{
	struct loop_reports home = { .conn_closed = on_closed };
	const struct address nobody = { .sa = { .sa_family = AF_UNSPEC } };
	int pair[2];

	control = event_base_new();
	reports = inbox_new(control, NULL);
	home.inbox = reports;
	loop = loop_new(config, &home);
	ledger = ledger_new("test", 1);
	ck_assert_ptr_nonnull(reports);
	ck_assert_ptr_nonnull(loop);
	ck_assert_ptr_nonnull(ledger);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	peer = pair[1];
	conn = conn_new(pair[0], &nobody, &ledger->traffic[0]);
	ck_assert_ptr_nonnull(conn);
	conn_open(conn, loop);
}

/* One turn of both loops. */
static void
turn(void)
{
	event_base_loop(loop->base, EVLOOP_NONBLOCK);
	event_base_loop(control, EVLOOP_NONBLOCK);
}

static void
tear_down(void)
{
	if (!closed)
		conn_abort(conn, CLOSE_STOP);
	turn();
	ck_assert(closed);
	ck_assert(TAILQ_EMPTY(&loop->active) && TAILQ_EMPTY(&loop->lingering));
	close(peer);
	ck_assert_uint_eq(ledger->holders, 1);
	ledger_release(ledger);
	inbox_free(reports);
	loop_free(loop);
	event_base_free(control);
}

/* What the peer sends and expects from position `at` of an endless stream. */
static void
stream(size_t at, unsigned char *data, size_t size)
{
	for (size_t i = 0; i < size; i++, at++)
		data[i] = (unsigned char)(at * 7 + at / 251);
}

/* Sends as much of the stream as the socket takes, up to `end`.  Returns how far that was. */
static size_t
peer_send(size_t at, size_t end)
{
	unsigned char chunk[8192];
	ssize_t n;

	while (at < end) {
		const size_t size = end - at < sizeof(chunk) ? end - at : sizeof(chunk);

		stream(at, chunk, size);
		n = send(peer, chunk, size, MSG_NOSIGNAL);
		if (n == -1) {
			ck_assert_int_eq(errno, EAGAIN);
			break;
		}
		at += (size_t)n;
	}
	return at;
}

/* Receives what there is and compares it.  Returns how far that was; *eof at the end. */
static size_t
peer_receive(size_t at, bool *eof)
{
	unsigned char chunk[8192], expected[8192];
	ssize_t n;

	while ((n = recv(peer, chunk, sizeof(chunk), 0)) > 0) {
		stream(at, expected, (size_t)n);
		ck_assert_mem_eq(chunk, expected, (size_t)n);
		at += (size_t)n;
	}
	*eof = n == 0;
	if (n == -1)
		ck_assert_int_eq(errno, EAGAIN);
	return at;
}

/* Sends without reading until nothing moves any more.  Returns how many bytes that took. */
static size_t
fill(void)
{
	size_t sent = 0, before;

	do {
		before = sent;
		sent = peer_send(sent, 64 << 20);
		turn();
		turn();
	} while (sent > before);
	return sent;
}

START_TEST(echoes)
{
	bool eof;

	set_up(&configs[_i]);
	ck_assert_uint_eq(peer_send(0, 10000), 10000);
	turn();
	ck_assert_uint_eq(peer_receive(0, &eof), 10000);
	ck_assert(!eof);
	ck_assert_int_eq(conn_state(conn), CONN_READING);
	ck_assert_uint_eq(ledger_received_bytes(ledger), 10000);
	ck_assert_uint_eq(ledger_sent_bytes(ledger), 10000);
	tear_down();
	ck_assert_int_eq(reason, CLOSE_STOP);
}
END_TEST

START_TEST(a_peer_that_never_reads_is_not_read)
{
	uint64_t held;

	set_up(&configs[_i]);
	fill();
	ck_assert_int_eq(conn_state(conn), CONN_BLOCKED);
	held = ledger_received_bytes(ledger) - ledger_sent_bytes(ledger);
	ck_assert_uint_gt(held, 0);
	ck_assert_uint_le(held, SCRATCH_SIZE);
	tear_down();
}
END_TEST

START_TEST(all_comes_back_once_the_peer_reads)
{
	size_t sent, end, seen = 0;
	bool eof;

	set_up(&configs[_i]);
	sent = fill();
	end = sent + (4 << 20);
	while (seen < end) { /* ended by Check's own time-out where bytes are lost */
		seen = peer_receive(seen, &eof);
		sent = peer_send(sent, end);
		turn();
	}
	turn();
	ck_assert_uint_eq(ledger_sent_bytes(ledger), end);
	ck_assert_int_eq(conn_state(conn), CONN_READING);
	tear_down();
}
END_TEST

START_TEST(half_close_loses_nothing)
{
	size_t sent, seen = 0;
	bool eof = false;

	set_up(&configs[_i]);
	sent = fill();
	ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
	while (!eof) {
		seen = peer_receive(seen, &eof);
		turn();
	}
	ck_assert_uint_eq(seen, sent);
	ck_assert(closed);
	ck_assert_int_eq(reason, CLOSE_PEER);
	tear_down();
}
END_TEST

START_TEST(a_fin_that_comes_with_the_data_is_seen)
{
	bool eof;

	set_up(&configs[_i]);
	ck_assert_uint_eq(peer_send(0, 100), 100);
	ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
	turn();
	turn();
	ck_assert(closed);
	ck_assert_uint_eq(peer_receive(0, &eof), 100);
	ck_assert(eof);
	tear_down();
}
END_TEST

START_TEST(finish_flushes_what_waits)
{
	uint64_t read_before;
	size_t seen = 0;
	bool eof = false;

	set_up(&configs[_i]);
	fill();
	read_before = ledger_received_bytes(ledger);
	conn_finish(conn, CLOSE_DRAIN);
	ck_assert_int_eq(conn_state(conn), CONN_FLUSHING);
	while (!eof) {
		seen = peer_receive(seen, &eof);
		turn();
	}
	ck_assert_uint_eq(seen, read_before);
	ck_assert(!closed); /* lingers until the peer ends too, which would be a reset otherwise */
	ck_assert_int_eq(conn_state(conn), CONN_LINGERING);
	ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
	turn();
	ck_assert(closed);
	ck_assert_int_eq(reason, CLOSE_DRAIN);
	tear_down();
}
END_TEST

START_TEST(a_lingering_connection_echoes_no_more)
{
	bool eof;

	set_up(&configs[_i]);
	conn_finish(conn, CLOSE_IDLE);
	ck_assert_int_eq(conn_state(conn), CONN_LINGERING);
	ck_assert_uint_eq(peer_send(0, 5000), 5000);
	turn();
	ck_assert_uint_eq(peer_receive(0, &eof), 0);
	ck_assert(eof);
	ck_assert_uint_eq(ledger_received_bytes(ledger), 5000);
	ck_assert(!closed);
	conn_finish(conn, CLOSE_DRAIN); /* it keeps its first reason */
	close(peer);
	peer = -1;
	turn();
	ck_assert(closed);
	ck_assert_int_eq(reason, CLOSE_IDLE);
	tear_down();
}
END_TEST

/* A peer that goes while bytes wait for it: the bufferevent meets the error. */
START_TEST(a_peer_that_goes_while_blocked)
{
	set_up(&configs[_i]);
	fill();
	close(peer);
	peer = -1;
	turn();
	turn();
	ck_assert(closed);
	ck_assert_int_eq(reason, CLOSE_RESET);
	tear_down();
}
END_TEST

START_TEST(idle_ends_by_the_clock_alone)
{
	int64_t now;

	set_up(&configs[_i]);
	atomic_store(&loop->idle_timeout, 60000);
	now = loop_now();
	ck_assert_int_le(sweep_due(loop, now, 100000), 60000);
	ck_assert_int_eq(conn_state(conn), CONN_READING);
	ck_assert_int_eq(sweep_due(loop, now, 1000), 1000);
	sweep_due(loop, now + 60100, 1000);
	ck_assert_int_eq(conn_state(conn), CONN_LINGERING);
	/* It has lingered for no time yet; the sweep says when it will have. */
	now = loop_now();
	ck_assert_int_le(sweep_due(loop, now, 100000), 5000);
	ck_assert(!closed);
	sweep_due(loop, now + 5100, 1000);
	turn();
	ck_assert(closed);
	ck_assert_int_eq(reason, CLOSE_IDLE);
	tear_down();
}
END_TEST

START_TEST(no_idle_timeout_ends_nobody)
{
	set_up(&configs[_i]);
	ck_assert_int_eq(sweep_due(loop, loop_now() + INT64_C(1000000000), 1000), 1000);
	ck_assert_int_eq(conn_state(conn), CONN_READING);
	tear_down();
}
END_TEST

START_TEST(idle_while_blocked_is_aborted)
{
	set_up(&configs[_i]);
	atomic_store(&loop->idle_timeout, 60000);
	fill();
	sweep_due(loop, loop_now() + 60100, 1000);
	turn();
	ck_assert(closed);
	ck_assert_int_eq(reason, CLOSE_IDLE);
	tear_down();
}
END_TEST

START_TEST(a_drain_spares_who_is_not_silent)
{
	int64_t now;

	set_up(&configs[_i]);
	loop->draining = true;
	now = loop_now();
	sweep_due(loop, now, 100);
	ck_assert_int_eq(conn_state(conn), CONN_READING);
	sweep_due(loop, now + 1100, 100);
	ck_assert_int_eq(conn_state(conn), CONN_LINGERING);
	tear_down();
	ck_assert_int_eq(reason, CLOSE_STOP);
}
END_TEST

START_TEST(all_are_finished_then_aborted)
{
	set_up(&configs[_i]);
	sweep_finish_all(loop, CLOSE_DRAIN);
	ck_assert_int_eq(conn_state(conn), CONN_LINGERING);
	sweep_abort_all(loop, CLOSE_STOP);
	turn();
	ck_assert(closed);
	ck_assert_int_eq(reason, CLOSE_DRAIN);
	tear_down();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("conn");
	TCase *tests = tcase_create("conn");

	signal(SIGPIPE, SIG_IGN); /* as main() does: a bufferevent writes without MSG_NOSIGNAL */
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, echoes, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, a_peer_that_never_reads_is_not_read, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, all_comes_back_once_the_peer_reads, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, half_close_loses_nothing, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, a_fin_that_comes_with_the_data_is_seen, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, finish_flushes_what_waits, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, a_lingering_connection_echoes_no_more, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, a_peer_that_goes_while_blocked, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, idle_ends_by_the_clock_alone, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, no_idle_timeout_ends_nobody, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, idle_while_blocked_is_aborted, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, a_drain_spares_who_is_not_silent, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, all_are_finished_then_aborted, 0, CONFIG_COUNT);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
