/* One connection and its peer: see one_conn.h. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/stream/conn_internal.h"
#include "one_conn.h"
#include "runner.h"

const struct loop_settings one_conn_configs[] = {
	{ .method = EVENT_METHOD_EPOLL },
	{ .method = EVENT_METHOD_EPOLL, .edge_triggered = true },
	{ .method = EVENT_METHOD_POLL },
	{ .method = EVENT_METHOD_SELECT },
};
_Static_assert(sizeof(one_conn_configs) / sizeof(one_conn_configs[0]) == ONE_CONN_CONFIGS,
    "one for each back end");

static struct event_base *control;
static struct inbox *reports;
struct loop *loop;
struct crowd *crowd;
struct ledger *ledger;
struct conn *conn;
int served;
int peer;
bool closed;
enum close_reason reason;
enum tls_fault fault;
int closed_count;

static void
on_closed(void *owner, struct letter *letter)
{
	(void)owner;
	closed = closed || conn_from_letter(letter) == conn;
	closed_count++;
	reason = conn_reason(conn_from_letter(letter));
	if (reason == CLOSE_TLS)
		fault = conn_tls_fault(conn_from_letter(letter));
	conn_free(conn_from_letter(letter));
}

void
connect_pair(int pair[2], int buffer)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(name);
	const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int segment = 1460, on = 1;

	pair[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	for (int i = 0; i < 2; i++) {
		const int fd = i == 0 ? listener : pair[1];

		setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment));
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (buffer == 0)
			continue;
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

void
set_up(const struct loop_settings *settings)
{
	set_up_with(settings, 65536);
}

static void
set_up_crowd(const struct loop_settings *settings, int buffer)
{
	int pair[2];

	control = event_base_new();
	reports = inbox_new(control, NULL);
	loop = loop_new(settings, reports);
	ck_assert_ptr_nonnull(loop);
	crowd = crowd_new(loop, on_closed);
	ledger = ledger_new("test", 1);
	ck_assert_ptr_nonnull(reports);
	ck_assert_ptr_nonnull(crowd);
	ck_assert_ptr_nonnull(ledger);
	ledger->branches[0].crowd = crowd;
	connect_pair(pair, buffer);
	served = pair[0];
	peer = pair[1];
}

static struct conn *
make_conn(int fd, const char *greeting, struct tls_context *tls)
{
	const struct address nobody = { .sa = { .sa_family = AF_UNSPEC } };
	const struct conn_extras extras = { .greeting = greeting,
		.greeting_size = strlen(greeting), .tls = tls };
	struct conn *made = conn_new(fd, &nobody, &ledger->branches[0], &extras);

	ck_assert_ptr_nonnull(made);
	conn_open(made);
	return made;
}

static void
open_conn(const char *greeting)
{
	conn = make_conn(served, greeting, NULL);
}

void
set_up_secure(const struct loop_settings *settings, int buffer, struct tls_context *tls,
    const char *greeting)
{
	set_up_crowd(settings, buffer);
	atomic_store(&crowd->limits.handshakes, 1000);
	atomic_store(&crowd->limits.handshake, 10000);
	conn = make_conn(served, greeting, tls);
}

int
another_peer(struct tls_context *tls)
{
	int pair[2];

	connect_pair(pair, 0);
	make_conn(pair[0], "", tls);
	return pair[1];
}

void
set_up_with(const struct loop_settings *settings, int buffer)
{
	set_up_crowd(settings, buffer);
	open_conn("");
}

/* Until its socket takes no byte, and no acknowledgement is on its way that would change that. */
static void
fill_served(void)
{
	static const char zeros[4096];
	struct pollfd writable = { .fd = served, .events = POLLOUT };

	do
		while (send(served, zeros, sizeof(zeros), MSG_NOSIGNAL) != -1 ||
		    send(served, zeros, 1, MSG_NOSIGNAL) != -1)
			continue;
	while (poll(&writable, 1, 100) == 1 || send(served, zeros, 1, MSG_NOSIGNAL) != -1);
}

void
set_up_greeted(const struct loop_settings *settings, const char *greeting, bool full)
{
	set_up_crowd(settings, 4096);
	if (full)
		fill_served();
	open_conn(greeting);
}

void
turn(void)
{
	event_base_loop(loop->base, EVLOOP_NONBLOCK);
	event_base_loop(control, EVLOOP_NONBLOCK);
}

void
turn_until_closed(void)
{
	const int64_t patience = clock_ms() + 10000;

	while (!closed && clock_ms() < patience)
		turn();
	ck_assert(closed);
}

void
tear_down(void)
{
	if (!closed)
		conn_abort(conn, CLOSE_STOP);
	turn();
	ck_assert(closed);
	for (size_t i = 0; i < CONN_STATE_COUNT; i++)
		ck_assert(TAILQ_EMPTY(&crowd->lists[i]));
	ck_assert_uint_eq(crowd->stalled, 0);
	ck_assert_uint_eq(crowd->shaking, 0);
	ck_assert_uint_eq(crowd->own_memory, 0);
	ck_assert_uint_eq(loop->bulk, 0);
	if (peer != -1)
		close(peer);
	ck_assert_uint_eq(ledger->holders, 1);
	ledger_release(ledger);
	inbox_free(reports);
	crowd_free(crowd);
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

size_t
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

void
peer_send_all(size_t at, size_t end)
{
	while ((at = peer_send(at, end)) < end)
		turn();
}

size_t
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

/* Whether the kernel has yet to bring what it took from this end of a TCP connection. */
static bool
is_in_flight(int end)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	return getsockopt(end, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
	    info.tcpi_unacked > 0;
}

void
rest(void)
{
	const int64_t patience = clock_ms() + 1000;

	while ((is_in_flight(served) || is_in_flight(peer)) && clock_ms() < patience)
		turn();
	if (!closed) {
		conn_took_bytes(conn);
		conn_touch(conn, clock_ms());
	}
}

size_t
fill(void)
{
	size_t sent = 0, before;

	do {
		before = sent;
		sent = peer_send(sent, 64 << 20);
		turn();
		turn();
		rest();
	} while (sent > before);
	return sent;
}
