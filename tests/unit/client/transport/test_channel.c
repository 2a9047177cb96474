/* Channels over real sockets of this host: what they tell, and in what order. */
#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <unistd.h>

#include "client/timing.h"
#include "client/transport/channel.h"
#include "runner.h"

static struct event_base *base;
static struct channel *channel;
static struct channel_wish wish;
static struct address server_address;
static int server; /* the socket that channels connect to */
static int peer;   /* the connection that was accepted there, -1: none */

static void
open_server(enum protocol protocol)
{
	struct sockaddr_in name;
	socklen_t length = sizeof(name);

	wish = (struct channel_wish){ .uri.protocol = protocol, .timeout = 10 };
	ck_assert(address_parse(&server_address, "127.0.0.1", 0));
	server = socket(AF_INET, channel_is_stream(&wish) ? SOCK_STREAM : SOCK_DGRAM, 0);
	ck_assert_int_ne(server, -1);
	ck_assert_int_eq(bind(server, &server_address.sa, address_length(&server_address)), 0);
	if (channel_is_stream(&wish))
		ck_assert_int_eq(listen(server, 0), 0);
	ck_assert_int_eq(getsockname(server, (struct sockaddr *)&name, &length), 0);
	address_from_sockaddr(&server_address, (struct sockaddr *)&name, length);
	channel = channel_new(base, &wish);
	ck_assert_ptr_nonnull(channel);
}

static void
set_up(void)
{
	base = timing_base_new(false);
	ck_assert_ptr_nonnull(base);
	peer = -1;
}

static void
tear_down(void)
{
	channel_free(channel);
	event_base_free(base);
	close(server);
	if (peer != -1)
		close(peer);
}

static void
on_connected(void *arg, int error)
{
	*(int *)arg = error;
}

/* Returns the errno with which it came to an end. */
static int
connect_channel(struct channel *from, const struct address *to)
{
	int error = -1;

	ck_assert_int_eq(channel_connect(from, to, on_connected, &error), 0);
	ck_assert_int_eq(channel_state(from), CHANNEL_CONNECTING);
	while (error == -1)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	ck_assert_int_eq(channel_state(from), error == 0 ? CHANNEL_OPEN : CHANNEL_CLOSED);
	return error;
}

static void
connect_stream(void)
{
	open_server(PROTOCOL_TCP);
	ck_assert_int_eq(connect_channel(channel, &server_address), 0);
	peer = accept(server, NULL, NULL);
	ck_assert_int_ne(peer, -1);
}

/* What the user was called for. */
struct calls {
	int readable, writable;
};

static void
count_readable(void *arg)
{
	struct calls *calls = arg;

	calls->readable++;
	channel_want_read(channel, false);
}

static void
count_writable(void *arg)
{
	struct calls *calls = arg;

	calls->writable++;
	channel_want_write(channel, false);
}

static const struct channel_user user = {
	.readable = count_readable,
	.writable = count_writable,
};

static void
wait_readable(void)
{
	struct calls calls = { 0, 0 };

	channel_serve(channel, &user, &calls);
	channel_want_read(channel, true);
	while (calls.readable == 0)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
}

/* What is received next is `text`. */
static void
check_receive(const char *text)
{
	char data[64];
	const ssize_t n = channel_receive(channel, data, sizeof(data), NULL);

	ck_assert_int_eq(n, (ssize_t)strlen(text));
	ck_assert_mem_eq(data, text, (size_t)n);
}

static void
check_receive_fails(int error)
{
	char data[64];

	errno = -1;
	ck_assert_int_eq(channel_receive(channel, data, sizeof(data), NULL), -1);
	ck_assert_int_eq(errno, error);
}

static void
reset_peer(void)
{
	const struct linger now = { 1, 0 };

	ck_assert_int_eq(setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(peer);
	peer = -1;
}

START_TEST(a_stream_goes_there_and_back)
{
	char data[8];

	connect_stream();
	ck_assert_int_eq(channel_send(channel, "there", 5), 5);
	ck_assert_int_eq(recv(peer, data, sizeof(data), 0), 5);
	check_receive_fails(EAGAIN);
	ck_assert_int_eq(send(peer, "back", 4, 0), 4);
	wait_readable();
	check_receive("back");
	channel_shut_down(channel);
	ck_assert_int_eq(recv(peer, data, sizeof(data), 0), 0);
	ck_assert_int_eq(send(peer, "still", 5, 0), 5);
	wait_readable();
	check_receive("still");
}
END_TEST

START_TEST(a_closed_stream_is_told_after_what_came)
{
	connect_stream();
	ck_assert_int_eq(send(peer, "last", 4, 0), 4);
	shutdown(peer, SHUT_WR);
	wait_readable();
	check_receive("last");
	wait_readable();
	check_receive_fails(0);
}
END_TEST

/* The kernel tells the error once, and then an end in order. */
START_TEST(a_reset_met_by_sending_is_told_after_what_came)
{
	struct calls calls = { 0, 0 };

	connect_stream();
	ck_assert_int_eq(send(peer, "last", 4, 0), 4);
	reset_peer();
	wait_readable();
	ck_assert(channel_can_send(channel));
	ck_assert_int_eq(channel_send(channel, "more", 4), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert(!channel_can_send(channel));
	channel_serve(channel, &user, &calls);
	channel_want_write(channel, true);
	ck_assert_int_eq(event_base_loop(base, EVLOOP_NONBLOCK), 1);
	ck_assert_int_eq(calls.writable, 0);
	check_receive("last");
	check_receive_fails(ECONNRESET);
}
END_TEST

START_TEST(a_channel_connects_again)
{
	char first[CHANNEL_TEXT_SIZE], second[CHANNEL_TEXT_SIZE];

	connect_stream();
	reset_peer();
	wait_readable();
	ck_assert_int_eq(channel_send(channel, "more", 4), -1);
	channel_close(channel);
	ck_assert_int_eq(channel_state(channel), CHANNEL_CLOSED);
	channel_peer(channel, first);
	ck_assert_int_eq(connect_channel(channel, NULL), 0);
	ck_assert_str_eq(channel_peer(channel, second), first);
	peer = accept(server, NULL, NULL);
	ck_assert(channel_can_send(channel));
	ck_assert_int_eq(channel_send(channel, "there", 5), 5);
}
END_TEST

START_TEST(nobody_accepts)
{
	open_server(PROTOCOL_TCP);
	close(server);
	ck_assert_int_eq(connect_channel(channel, &server_address), ECONNREFUSED);
	server = socket(AF_INET, SOCK_STREAM, 0);
}
END_TEST

/* A listener's queue of none takes one connection; the next is not answered. */
START_TEST(connecting_takes_its_time_at_most)
{
	struct channel *second;
	const int64_t begun = timing_now();

	open_server(PROTOCOL_TCP);
	ck_assert_int_eq(connect_channel(channel, &server_address), 0);
	wish.timeout = 0.05;
	second = channel_new(base, &wish);
	ck_assert_int_eq(connect_channel(second, &server_address), ETIMEDOUT);
	ck_assert(timing_seconds(timing_now() - begun) >= 0.05);
	channel_free(second);
}
END_TEST

/* The error is of the datagram before, and told where the next one is sent. */
START_TEST(datagrams_that_nobody_takes)
{
	open_server(PROTOCOL_UDP);
	close(server);
	server = socket(AF_INET, SOCK_DGRAM, 0);
	ck_assert_int_eq(connect_channel(channel, &server_address), 0);
	ck_assert_int_eq(channel_send(channel, "there", 5), 5);
	wait_readable();
	ck_assert_int_eq(channel_send(channel, "there", 5), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	ck_assert(channel_can_send(channel));
	ck_assert_int_eq(channel_send(channel, "there", 5), 5);
}
END_TEST

START_TEST(an_empty_datagram_is_no_end)
{
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	char data[8];

	open_server(PROTOCOL_UDP);
	ck_assert_int_eq(connect_channel(channel, &server_address), 0);
	ck_assert_int_eq(channel_send(channel, "", 0), 0);
	ck_assert_int_eq(
	    recvfrom(server, data, sizeof(data), 0, (struct sockaddr *)&from, &length), 0);
	ck_assert_int_eq(sendto(server, "", 0, 0, (struct sockaddr *)&from, length), 0);
	wait_readable();
	check_receive("");
}
END_TEST

/* True where the arrival of what was sent is not counted from when it is received, much later. */
static bool
is_stamped(void)
{
	const int64_t later = timing_now() + 5000000;
	char data[8];
	int64_t when;

	ck_assert_int_eq(send(peer, "back", 4, 0), 4);
	while (timing_now() < later)
		;
	ck_assert_int_eq(channel_receive(channel, data, sizeof(data), &when), 4);
	return when < later;
}

/* The kernel begins to stamp a while after the first socket of the host asks for it. */
START_TEST(arrivals_are_timed_by_the_kernel)
{
	open_server(PROTOCOL_TCP);
	wish.kernel_time = true;
	ck_assert_int_eq(connect_channel(channel, &server_address), 0);
	peer = accept(server, NULL, NULL);
	for (int i = 0; !is_stamped(); i++)
		ck_assert_int_lt(i, 300);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("channel");
	TCase *cases = tcase_create("channel");

	tcase_add_checked_fixture(cases, set_up, tear_down);
	tcase_add_test(cases, a_stream_goes_there_and_back);
	tcase_add_test(cases, a_closed_stream_is_told_after_what_came);
	tcase_add_test(cases, a_reset_met_by_sending_is_told_after_what_came);
	tcase_add_test(cases, a_channel_connects_again);
	tcase_add_test(cases, nobody_accepts);
	tcase_add_test(cases, connecting_takes_its_time_at_most);
	tcase_add_test(cases, datagrams_that_nobody_takes);
	tcase_add_test(cases, an_empty_datagram_is_no_end);
	tcase_add_test(cases, arrivals_are_timed_by_the_kernel);
	suite_add_tcase(suite, cases);
	return run_suite(suite);
}
