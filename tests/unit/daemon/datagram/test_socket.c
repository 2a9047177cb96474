/*
 * Datagrams over a socketpair, which carries longer ones than UDP can, and with calls
 * that fail as the network makes them fail: the test's own recvmmsg(2) and sendmmsg(2)
 * stand before libc's, and say whom a datagram is from.  Each test runs over level and edge
 * triggers.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/datagram/socket.h"
#include "runner.h"

static const struct loop_settings configs[] = {
	{ .method = EVENT_METHOD_EPOLL },
	{ .method = EVENT_METHOD_EPOLL, .edge_triggered = true },
};
#define CONFIG_COUNT ((int)(sizeof(configs) / sizeof(configs[0])))

/* Longer than any datagram of UDP. */
#define TOO_LONG 70000

static struct event_base *control;
static struct inbox *reports;
static struct loop *loop;
static struct ledger *ledger;
static struct batch *batch;
static struct guard *guard;
static struct guard_rules rules;
static struct datagram_socket *datagrams;
static int peer;
static bool closed;
static int receive_error; /* what recvmmsg(2) tells once, if any */
static bool flooded;      /* there is always a datagram, and each can be sent */

/* 192.0.2.1, and from the port of echo where the datagram begins with "R". */
static void
tell_source(struct msghdr *header, size_t size)
{
	const char *payload = header->msg_iov->iov_base;
	const struct sockaddr_in source = {
		.sin_family = AF_INET,
		.sin_port = htons(size > 0 && *payload == 'R' ? 7 : 40000),
		.sin_addr.s_addr = htonl(0xc0000201),
	};

	memcpy(header->msg_name, &source, sizeof(source));
	header->msg_namelen = sizeof(source);
}

static int
receive_flood(struct mmsghdr *headers, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		headers[i].msg_len = 1;
		headers[i].msg_hdr.msg_controllen = 0;
		headers[i].msg_hdr.msg_flags = 0;
		tell_source(&headers[i].msg_hdr, 0);
	}
	return (int)count;
}

int
recvmmsg(int fd, struct mmsghdr *headers, unsigned count, int flags, struct timespec *timeout)
{
	int received;

	if (receive_error != 0) {
		errno = receive_error;
		receive_error = 0;
		return -1;
	}
	if (flooded)
		return receive_flood(headers, count);
	received = (int)syscall(SYS_recvmmsg, fd, headers, count, flags, timeout);
	for (int i = 0; i < received; i++)
		tell_source(&headers[i].msg_hdr, headers[i].msg_len);
	return received;
}

/* The datagram itself says how sending it goes wrong. */
static int
error_of(const struct mmsghdr *header)
{
	const struct iovec *payload = header->msg_hdr.msg_iov;

	switch (payload->iov_len > 0 ? *(const char *)payload->iov_base : '\0') {
	case 'A':
		return EAGAIN;
	case 'B':
		return ENOBUFS;
	case 'P':
		return EPERM;
	default:
		return 0;
	}
}

/* As the kernel does it: the error is told where the first datagram meets it. */
int
sendmmsg(int fd, struct mmsghdr *headers, unsigned count, int flags)
{
	unsigned fine = 0;

	if (flooded)
		return (int)count;
	while (fine < count && error_of(&headers[fine]) == 0)
		headers[fine++].msg_hdr.msg_namelen = 0; /* a socketpair has one peer */
	if (fine == 0) {
		errno = error_of(&headers[0]);
		return -1;
	}
	return (int)syscall(SYS_sendmmsg, fd, headers, fine, flags);
}

static void
set_up(const struct loop_settings *settings)
{
	int pair[2];

	control = event_base_new();
	reports = inbox_new(control, NULL);
	loop = loop_new(settings, reports);
	ledger = ledger_new("test", 1);
	batch = batch_new();
	guard = guard_new();
	rules = (struct guard_rules){ .max_datagram = TOO_LONG };
	guard_refuse(&rules, 7, 7);
	ck_assert_ptr_nonnull(reports);
	ck_assert_ptr_nonnull(loop);
	ck_assert_ptr_nonnull(ledger);
	ck_assert_ptr_nonnull(batch);
	ck_assert_ptr_nonnull(guard);
	guard_set(guard, &rules);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	peer = pair[1];
	datagrams = datagram_socket_new(pair[0], &ledger->branches[0], batch, guard);
	ck_assert_ptr_nonnull(datagrams);
	datagram_socket_open(datagrams, loop);
}

/* One turn for each that has something to do. */
static void
turn(void)
{
	event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void
close_udp(void)
{
	datagram_socket_close(datagrams);
	event_base_loop(control, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(ledger->holders, 1); /* it came home and was freed */
	closed = true;
}

static void
tear_down(void)
{
	if (!closed)
		close_udp();
	close(peer);
	ck_assert_uint_eq(ledger->holders, 1);
	ledger_release(ledger);
	inbox_free(reports);
	loop_free(loop);
	batch_free(batch);
	guard_free(guard);
	event_base_free(control);
}

static void
peer_send(const void *data, size_t size)
{
	ck_assert_int_eq(send(peer, data, size, 0), (ssize_t)size);
}

static void
expect(const void *data, size_t size)
{
	static char received[TOO_LONG];

	ck_assert_int_eq(recv(peer, received, sizeof(received), 0), (ssize_t)size);
	ck_assert_mem_eq(received, data, size);
}

static void
expect_nothing(void)
{
	char byte;

	ck_assert_int_eq(recv(peer, &byte, 1, 0), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

static uint64_t
dropped(enum drop_reason reason)
{
	return ledger_read(ledger, ROW_DATAGRAMS_DROPPED, reason);
}

START_TEST(one_out_for_one_in)
{
	static char longest[65507];

	set_up(&configs[_i]);
	memset(longest, 'l', sizeof(longest));
	for (int i = 0; i < 3; i++) {
		peer_send("one", 3);
		peer_send(longest, sizeof(longest));
		peer_send("", 0);
		peer_send("four", 4);
		turn();
		expect("one", 3);
		expect(longest, sizeof(longest));
		expect("", 0);
		expect("four", 4);
		expect_nothing();
	}
	ck_assert_uint_eq(ledger_total(ledger, ROW_DATAGRAMS_RECEIVED), 12);
	ck_assert_uint_eq(ledger_total(ledger, ROW_DATAGRAMS_SENT), 12);
	ck_assert_uint_eq(ledger_total(ledger, ROW_RECEIVED_BYTES), 3 * 65514);
	ck_assert_uint_eq(ledger_total(ledger, ROW_SENT_BYTES), 3 * 65514);
	tear_down();
}
END_TEST

/* What is too long is not echoed short, and those around it keep their order. */
START_TEST(what_was_truncated_is_dropped)
{
	static char long_one[TOO_LONG];

	set_up(&configs[_i]);
	for (int i = 0; i < 2; i++) {
		peer_send("one", 3);
		peer_send(long_one, sizeof(long_one));
		peer_send("three", 5);
		peer_send(long_one, sizeof(long_one));
		peer_send("fifth", 5);
		turn();
		expect("one", 3);
		expect("three", 5);
		expect("fifth", 5);
		expect_nothing();
	}
	ck_assert_uint_eq(ledger_total(ledger, ROW_DATAGRAMS_RECEIVED), 10);
	ck_assert_uint_eq(ledger_total(ledger, ROW_DATAGRAMS_SENT), 6);
	ck_assert_uint_eq(ledger_total(ledger, ROW_SENT_BYTES), 26);
	ck_assert_uint_eq(dropped(DROP_TRUNCATED), 4);
	tear_down();
}
END_TEST

/* The guard's word holds for each of a batch: those around it keep their order. */
START_TEST(what_the_guard_refuses_is_dropped)
{
	static const char *const payloads[] = { "R", "first", "too long", "R", "R", "second", "" };

	set_up(&configs[_i]);
	rules.max_datagram = 7;
	guard_set(guard, &rules);
	for (int turns = 1; turns <= 3; turns++) {
		for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
			peer_send(payloads[i], strlen(payloads[i]));
		turn();
		expect("first", 5);
		expect("second", 6);
		expect("", 0);
		expect_nothing();
		ck_assert_uint_eq(ledger_total(ledger, ROW_DATAGRAMS_RECEIVED), (unsigned)turns * 7);
		ck_assert_uint_eq(ledger_total(ledger, ROW_DATAGRAMS_SENT), (unsigned)turns * 3);
		ck_assert_uint_eq(dropped(DROP_SOURCE_PORT), (unsigned)turns * 3);
		ck_assert_uint_eq(dropped(DROP_SIZE), (unsigned)turns);
	}
	tear_down();
}
END_TEST

/* At once, and then no more often than once in DROPS_REST; what is left, once it comes home. */
START_TEST(what_is_dropped_is_handed_over)
{
	const struct vote *vote;

	set_up(&configs[_i]);
	vote = &ledger->drops[DROP_SOURCE_PORT].vote;
	peer_send("R", 1);
	peer_send("first", 5);
	peer_send("R", 1);
	peer_send("A", 1);
	turn();
	event_base_loop(control, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(vote->total, 2);
	ck_assert_uint_eq(vote_leader(vote)->votes, 2);
	ck_assert_uint_eq(vote_leader(vote)->source.bits, htonl(0xc0000201));
	ck_assert_uint_eq(ledger->drops[DROP_FULL].vote.total, 1);
	for (int i = 0; i < 5; i++) {
		peer_send("R", 1);
		turn();
	}
	event_base_loop(control, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(vote->total, 2);
	receive_error = ECONNREFUSED; /* of nobody */
	peer_send("last", 4);
	turn();
	close_udp();
	ck_assert_uint_eq(vote->total, 7);
	ck_assert_uint_eq(ledger->drops[DROP_RECEIVE].vote.total, 1);
	ck_assert_ptr_null(vote_leader(&ledger->drops[DROP_RECEIVE].vote));
	tear_down();
}
END_TEST

/* A burst of a quarter of a second, and then nothing: no clock runs as long as that here. */
START_TEST(what_is_beyond_the_rate_is_dropped)
{
	set_up(&configs[_i]);
	rules.source_rate = 8;
	guard_set(guard, &rules);
	for (int i = 0; i < 5; i++)
		peer_send("more", 4);
	turn();
	expect("more", 4);
	expect("more", 4);
	expect_nothing();
	ck_assert_uint_eq(dropped(DROP_SOURCE_RATE), 3);
	tear_down();
}
END_TEST

START_TEST(one_that_cannot_be_sent_holds_up_none)
{
	static const char *const payloads[] = { "A", "first", "B", "P", "second", "third", "A" };

	set_up(&configs[_i]);
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
		peer_send(payloads[i], strlen(payloads[i]));
	turn();
	expect("first", 5);
	expect("second", 6);
	expect("third", 5);
	expect_nothing();
	ck_assert_uint_eq(ledger_total(ledger, ROW_DATAGRAMS_RECEIVED), 7);
	ck_assert_uint_eq(ledger_total(ledger, ROW_DATAGRAMS_SENT), 3);
	ck_assert_uint_eq(ledger_total(ledger, ROW_SENT_BYTES), 16);
	ck_assert_uint_eq(dropped(DROP_FULL), 3);
	ck_assert_uint_eq(dropped(DROP_SEND), 1);
	tear_down();
}
END_TEST

START_TEST(an_error_of_the_socket_is_counted_and_passed_over)
{
	set_up(&configs[_i]);
	receive_error = ECONNREFUSED;
	peer_send("here", 4);
	turn();
	turn(); /* by level: the error was this turn's */
	expect("here", 4);
	ck_assert_uint_eq(dropped(DROP_RECEIVE), 1);
	receive_error = EINTR;
	peer_send("here", 4);
	turn();
	turn();
	expect("here", 4);
	ck_assert_uint_eq(dropped(DROP_RECEIVE), 1);
	tear_down();
}
END_TEST

static void
on_other(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	++*(int *)arg;
}

/* Were a turn not bounded, the first would not end. */
START_TEST(a_flood_leaves_the_others_their_turn)
{
	struct event *other;
	int pair[2], turns = 0;

	set_up(&configs[_i]);
	ck_assert_int_eq(pipe(pair), 0);
	ck_assert_int_eq(write(pair[1], "!", 1), 1);
	other = event_new(loop->base, pair[0], EV_READ | EV_PERSIST, on_other, &turns);
	/* As one has it that sends much. */
	ck_assert_int_eq(event_priority_set(other, LOOP_PRIORITY_BULK), 0);
	ck_assert_int_eq(event_add(other, NULL), 0);
	ck_assert_uint_eq(loop->bulk, 0);
	peer_send("the first of very many", 22);
	flooded = true;
	for (int i = 1; i <= 10; i++) {
		turn();
		ck_assert_int_ge(turns, i);
		ck_assert_uint_ge(ledger_total(ledger, ROW_DATAGRAMS_SENT), (unsigned)i * BATCH_SIZE);
		ck_assert_uint_le(ledger_total(ledger, ROW_DATAGRAMS_SENT), (unsigned)turns * 2 * BATCH_SIZE);
	}
	ck_assert_uint_gt(loop->bulk, 0);
	event_free(other);
	close(pair[0]);
	close(pair[1]);
	close_udp(); /* that ends too */
	ck_assert_uint_eq(loop->bulk, 0);
	tear_down();
}
END_TEST

START_TEST(what_has_arrived_is_answered_before_the_end)
{
	char payload[16];
	int sent = 0;

	set_up(&configs[_i]);
	for (; sent < 2 * BATCH_SIZE + 5; sent++)
		if (send(peer, payload, (size_t)snprintf(payload, sizeof(payload), "%d", sent), 0) == -1)
			break; /* a socketpair has a short queue */
	ck_assert_int_gt(sent, 1);
	close_udp();
	for (int i = 0; i < sent; i++)
		expect(payload, (size_t)snprintf(payload, sizeof(payload), "%d", i));
	tear_down();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("udp");
	TCase *tests = tcase_create("udp");

	tcase_add_loop_test(tests, one_out_for_one_in, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, what_was_truncated_is_dropped, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, what_the_guard_refuses_is_dropped, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, what_is_dropped_is_handed_over, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, what_is_beyond_the_rate_is_dropped, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, one_that_cannot_be_sent_holds_up_none, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, an_error_of_the_socket_is_counted_and_passed_over, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, a_flood_leaves_the_others_their_turn, 0, CONFIG_COUNT);
	tcase_add_loop_test(tests, what_has_arrived_is_answered_before_the_end, 0, CONFIG_COUNT);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
