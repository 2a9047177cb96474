/*
 * A connection over the loopback: back-pressure, its states, its ends, and the
 * deadlines that a sweep keeps.  Each test runs over each back end.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
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

/* Both ends of a TCP connection with the segments of an Ethernet and small buffers. */
static void
connect_pair(int pair[2])
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(name);
	const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int segment = 1460, buffer = 65536, on = 1;

	pair[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	for (int i = 0; i < 2; i++) {
		const int fd = i == 0 ? listener : pair[1];

		setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment));
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	}
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&name, length), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&name, &length), 0);
	ck_assert_int_eq(connect(pair[1], (struct sockaddr *)&name, length), 0);
	pair[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ne(pair[0], -1);
	ck_assert_int_eq(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
	close(listener);
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
	loop = loop_new(config, 1, &home);
	ledger = ledger_new("test", 1);
	ck_assert_ptr_nonnull(reports);
	ck_assert_ptr_nonnull(loop);
	ck_assert_ptr_nonnull(ledger);
	connect_pair(pair);
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
	for (size_t i = 0; i < CONN_STATE_COUNT; i++)
		ck_assert(TAILQ_EMPTY(&loop->lists[i]));
	ck_assert_uint_eq(loop->stalled, 0);
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
	sweep_due(loop, loop_now(), 1000);
	turn();
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
	atomic_store(&loop->limits.idle, 60000);
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
	atomic_store(&loop->limits.idle, 60000);
	fill();
	sweep_due(loop, loop_now() + 60100, 1000);
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

	set_up(&configs[_i]);
	atomic_store(&loop->limits.write, 60000);
	fill();
	now = loop_now();
	sweep_due(loop, now + 59000, 1000);
	turn();
	ck_assert(!closed);
	sweep_due(loop, now + 60100, 1000);
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

	set_up(&configs[_i]);
	atomic_store(&loop->limits.write, 60000);
	fill();
	now = loop_now();
	for (int i = 1; i < 9; i++) {
		peer_take(12000);
		sweep_due(loop, now + i * INT64_C(60100), 1000);
		ck_assert(!closed);
		ck_assert_int_eq(conn_state(conn), CONN_BLOCKED);
	}
	peer_take(12000);
	sweep_due(loop, now + 620000, 1000);
	turn();
	ck_assert(closed);
	ck_assert_int_eq(reason, CLOSE_WRITE);
	tear_down();
}
END_TEST

START_TEST(one_stalled_too_many_is_aborted)
{
	int64_t now;

	set_up(&configs[_i]);
	atomic_store(&loop->limits.stalled, 1);
	fill();
	now = loop_now();
	sweep_due(loop, now + 1900, 1000);
	ck_assert_uint_eq(loop->stalled, 0);
	sweep_due(loop, now + 2100, 1000);
	ck_assert_uint_eq(loop->stalled, 1);
	peer_take(40000); /* it moves: stalled no more */
	sweep_due(loop, now + 2200, 1000);
	ck_assert_uint_eq(loop->stalled, 0);
	ck_assert(!closed);
	loop->stalled = 1; /* as if another one were */
	sweep_due(loop, loop_now() + 2100, 1000);
	turn();
	ck_assert(closed);
	ck_assert_int_eq(reason, CLOSE_STALLED);
	loop->stalled = 0;
	tear_down();
}
END_TEST

START_TEST(a_lifetime_ends_whoever_is_busy)
{
	bool eof;

	set_up(&configs[_i]);
	atomic_store(&loop->limits.lifetime, 60000);
	sweep_due(loop, loop_now() + 59000, 1000);
	ck_assert_int_eq(conn_state(conn), CONN_READING);
	ck_assert_uint_eq(peer_send(0, 100), 100);
	turn();
	sweep_due(loop, loop_now() + 60100, 1000);
	ck_assert_int_eq(conn_state(conn), CONN_LINGERING);
	ck_assert_uint_eq(peer_receive(0, &eof), 100);
	sweep_abort_all(loop, CLOSE_STOP);
	turn();
	tear_down();
	ck_assert_int_eq(reason, CLOSE_LIFETIME);
}
END_TEST

/* Of what was sent to a peer that has read nothing yet. */
static uint64_t
held_by_our_kernel(void)
{
	int at_peer = 0;

	ck_assert_int_eq(ioctl(peer, FIONREAD, &at_peer), 0);
	return ledger_sent_bytes(ledger) - (uint64_t)at_peer;
}

/* It has ended its side; the kernel would hold its echo for minutes after a close. */
START_TEST(a_peer_that_never_takes_the_rest_is_aborted)
{
	size_t sent = 0;
	int64_t now;

	set_up(&configs[_i]);
	atomic_store(&loop->limits.write, 60000);
	while (held_by_our_kernel() < 20000) {
		sent = peer_send(sent, sent + 10000);
		turn();
	}
	ck_assert_int_eq(conn_state(conn), CONN_READING);
	ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
	turn();
	ck_assert(!closed);
	ck_assert_int_eq(conn_state(conn), CONN_CLOSING);
	now = loop_now();
	ck_assert_int_le(sweep_due(loop, now, 1000), 200);
	peer_take(60000);
	sweep_due(loop, now + 60100, 1000);
	ck_assert(!closed);
	sweep_due(loop, loop_now() + 60100, 1000);
	turn();
	ck_assert(closed);
	ck_assert_int_eq(reason, CLOSE_WRITE);
	tear_down();
}
END_TEST

START_TEST(a_bandwidth_paces_what_is_read)
{
	const int64_t begun = loop_now();
	size_t seen = 0;
	bool eof;

	set_up(&configs[_i]);
	atomic_store(&loop->limits.bandwidth, 100000);
	ck_assert_uint_eq(peer_send(0, 30000), 30000);
	turn();
	turn();
	ck_assert_int_eq(conn_state(conn), CONN_PACED);
	ck_assert_uint_eq(ledger_received_bytes(ledger), 10000); /* a tenth of a second's */
	while (seen < 30000) {
		event_base_loop(loop->base, EVLOOP_ONCE);
		seen = peer_receive(seen, &eof);
	}
	ck_assert_int_ge(loop_now() - begun, 150); /* two of three pieces were paid for */
	tear_down();
}
END_TEST

static void
note_received(evutil_socket_t fd, short what, void *arg)
{
	uint64_t *bytes = arg;

	(void)fd;
	(void)what;
	*bytes = ledger_received_bytes(ledger);
}

START_TEST(who_sends_much_is_served_after_all_else)
{
	uint64_t received_before = 0;
	int pair[2];
	bool eof;

	set_up(&configs[_i]);
	connect_pair(pair);
	ck_assert_uint_eq(peer_send(0, 10000), 10000);
	turn();
	ck_assert_uint_eq(peer_receive(0, &eof), 10000);
	/* Both are ready at once, and what was ready first was so far served first. */
	ck_assert_uint_eq(peer_send(10000, 20000), 20000);
	ck_assert_int_eq(send(pair[1], "x", 1, 0), 1);
	event_base_once(loop->base, pair[0], EV_READ, note_received, &received_before, NULL);
	turn();
	ck_assert_uint_eq(received_before, 10000);
	ck_assert_uint_eq(ledger_received_bytes(ledger), 20000);
	close(pair[0]);
	close(pair[1]);
	tear_down();
}
END_TEST

static void
on_little(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	loop_prioritize(loop, arg, false);
}

START_TEST(who_always_asks_for_little_does_not_hold_up_who_sends_much)
{
	struct event *little;
	int pair[2];
	bool eof;

	set_up(&configs[_i]);
	ck_assert_uint_eq(peer_send(0, 10000), 10000);
	turn();
	ck_assert_uint_eq(peer_receive(0, &eof), 10000);
	ck_assert_int_eq(pipe(pair), 0);
	ck_assert_int_eq(write(pair[1], "x", 1), 1); /* it is never read */
	little = event_new(loop->base, pair[0], EV_READ | EV_PERSIST, on_little, event_self_cbarg());
	ck_assert_int_eq(event_add(little, NULL), 0);
	ck_assert_uint_eq(peer_send(10000, 20000), 20000);
	while (ledger_received_bytes(ledger) < 20000) /* ended by Check's own time-out where not */
		event_base_loop(loop->base, EVLOOP_ONCE);
	event_free(little);
	close(pair[0]);
	close(pair[1]);
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
	tcase_add_loop_test(tests, a_peer_that_takes_nothing_is_aborted, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, a_peer_that_takes_a_little_is_given_time_but_not_for_ever, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, one_stalled_too_many_is_aborted, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, a_lifetime_ends_whoever_is_busy, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, a_peer_that_never_takes_the_rest_is_aborted, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, a_bandwidth_paces_what_is_read, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, who_sends_much_is_served_after_all_else, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, who_always_asks_for_little_does_not_hold_up_who_sends_much, 0,
	    CONFIG_COUNT);
	tcase_add_loop_test(tests, a_drain_spares_who_is_not_silent, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, all_are_finished_then_aborted, 0, CONFIG_COUNT);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
