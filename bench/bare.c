/*
 * The bare client: what the load of "echod-client bench" would cost with nothing but the system
 * calls.  It has one thread and level-triggered epoll, sends the same bytes again and again, one
 * message in flight on each connection, and only counts what comes back.
 *
 *   bare PORT CONNECTIONS SIZE SECONDS
 *
 * It prints a line of JSON: how many messages came back, and its CPU time in seconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#define EVENTS 256
#define BUFFER 65536
#define TICK 20 /* ms */

struct conn {
	int fd;
	size_t out, in; /* bytes of the message that are sent, and that came back */
};

static int epoll_fd;
static size_t size;
static unsigned char *message, buffer[BUFFER];
static uint64_t echoes;

static _Noreturn void
die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static double
number(const char *text)
{
	char *end;
	const double value = strtod(text, &end);

	errno = EINVAL;
	if (end == text || *end != '\0' || !(value > 0 && value <= 1e9))
		die(text);
	return value;
}

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double
cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void
watch(struct conn *conn, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = conn };

	if (epoll_ctl(epoll_fd, operation, conn->fd, &event) == -1)
		die("epoll_ctl");
}

static void
push(struct conn *conn)
{
	const ssize_t n = send(conn->fd, message + conn->out, size - conn->out, MSG_NOSIGNAL);

	if (n == -1 && errno != EAGAIN)
		die("send");
	if (n > 0)
		conn->out += (size_t)n;
	if (conn->out < size)
		watch(conn, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
}

static void
on_ready(struct conn *conn, uint32_t events)
{
	ssize_t n;

	if (events & EPOLLOUT) {
		watch(conn, EPOLL_CTL_MOD, EPOLLIN);
		push(conn);
	}
	if (!(events & ~(uint32_t)EPOLLOUT))
		return;
	n = recv(conn->fd, buffer, sizeof(buffer), 0);
	if (n == -1 && errno == EAGAIN)
		return;
	if (n <= 0)
		die("recv");
	conn->in += (size_t)n;
	if (conn->in < size)
		return;
	echoes++;
	conn->in = conn->out = 0;
	push(conn);
}

static void
open_one(struct conn *conn, int port)
{
	const struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int on = 1;

	conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (conn->fd == -1 || connect(conn->fd, (const struct sockaddr *)&to, sizeof(to)) == -1)
		die("connect");
	setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (fcntl(conn->fd, F_SETFL, O_NONBLOCK) == -1)
		die("fcntl");
	watch(conn, EPOLL_CTL_ADD, EPOLLIN);
}

static void
run(double duration)
{
	const double end = seconds() + duration;
	struct epoll_event events[EVENTS];

	while (seconds() < end) {
		const int n = epoll_wait(epoll_fd, events, EVENTS, TICK);

		for (int i = 0; i < n; i++)
			on_ready(events[i].data.ptr, events[i].events);
	}
}

int
main(int argc, char **argv)
{
	struct conn *conns;
	double cpu;

	if (argc != 5) {
		fputs("usage: bare PORT CONNECTIONS SIZE SECONDS\n", stderr);
		return EXIT_FAILURE;
	}
	size = (size_t)number(argv[3]);
	message = calloc(1, size);
	conns = calloc((size_t)number(argv[2]), sizeof(*conns));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (message == NULL || conns == NULL || epoll_fd == -1)
		die("start");
	for (size_t i = 0; i < (size_t)number(argv[2]); i++)
		open_one(&conns[i], (int)number(argv[1]));
	cpu = cpu_seconds();
	for (size_t i = 0; i < (size_t)number(argv[2]); i++)
		push(&conns[i]);
	run(number(argv[4]));
	printf("{\"echoes\": %" PRIu64 ", \"cpu_seconds\": %.6f}\n", echoes, cpu_seconds() - cpu);
	free(message);
	free(conns);
	return EXIT_SUCCESS;
}
