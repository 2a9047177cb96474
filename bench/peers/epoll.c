/*
 * A peer: the bare epoll loop.  It owns its connections; it exists to show what an
 * echo costs with nothing but the system calls: level-triggered, one recv(2) into
 * one buffer, one send(2) from it.  What a socket does not take waits in memory of
 * the connection, and reading stops until that is gone.
 *
 *   epoll PORT|unix [BUFFER [SOCKET_BUFFER]]
 *
 * BUFFER is what one recv(2) takes at most (65536, as in echod); SOCKET_BUFFER is
 * SO_SNDBUF and SO_RCVBUF (0: the kernel's autotuning).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

#define EVENTS 64

struct conn {
	int fd;
	unsigned char *waiting; /* what the socket did not take; NULL where it took all */
	size_t begin, end;      /* of what still waits there */
};

static int epoll_fd;
static unsigned char *buffer;
static size_t buffer_size = 65536;
static int socket_buffer;

static void
conn_close(struct conn *conn)
{
	close(conn->fd); /* epoll(7): this removes it */
	free(conn->waiting);
	free(conn);
}

/* Returns -1 where the connection is gone. */
static int
watch(struct conn *conn, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = conn };

	if (epoll_ctl(epoll_fd, operation, conn->fd, &event) == 0)
		return 0;
	conn_close(conn);
	return -1;
}

static void
conn_open(int fd)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL) {
		close(fd);
		return;
	}
	conn->fd = fd;
	watch(conn, EPOLL_CTL_ADD, EPOLLIN);
}

static void
accept_all(int listener)
{
	for (;;) {
		const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd != -1)
			conn_open(fd);
		else if (errno == EAGAIN || errno == EMFILE || errno == ENFILE)
			return;
	}
}

/* Keeps what is left of `size` bytes and waits until the socket takes more. */
static void
wait_with(struct conn *conn, const unsigned char *data, size_t size)
{
	conn->waiting = malloc(size);
	if (conn->waiting == NULL) {
		conn_close(conn);
		return;
	}
	memcpy(conn->waiting, data, size);
	conn->begin = 0;
	conn->end = size;
	watch(conn, EPOLL_CTL_MOD, EPOLLOUT);
}

static void
on_readable(struct conn *conn)
{
	const ssize_t n = recv(conn->fd, buffer, buffer_size, 0);
	ssize_t sent;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conn_close(conn);
		return;
	}
	sent = send(conn->fd, buffer, (size_t)n, MSG_NOSIGNAL);
	if (sent == -1 && errno != EAGAIN && errno != EINTR) {
		conn_close(conn);
		return;
	}
	if (sent == -1)
		sent = 0;
	if (sent < n)
		wait_with(conn, buffer + sent, (size_t)(n - sent));
}

static void
on_writable(struct conn *conn)
{
	const ssize_t n =
	    send(conn->fd, conn->waiting + conn->begin, conn->end - conn->begin, MSG_NOSIGNAL);

	if (n == -1) {
		if (errno != EAGAIN && errno != EINTR)
			conn_close(conn);
		return;
	}
	conn->begin += (size_t)n;
	if (conn->begin < conn->end)
		return;
	free(conn->waiting);
	conn->waiting = NULL;
	watch(conn, EPOLL_CTL_MOD, EPOLLIN);
}

static void
serve(int listener, const sigset_t *mask)
{
	struct epoll_event events[EVENTS];

	while (!peer_stopped()) {
		const int n = epoll_pwait(epoll_fd, events, EVENTS, -1, mask);

		for (int i = 0; i < n; i++) {
			struct conn *conn = events[i].data.ptr;

			if (conn == NULL)
				accept_all(listener);
			else if (conn->waiting != NULL)
				on_writable(conn);
			else
				on_readable(conn);
		}
	}
}

int
main(int argc, char **argv)
{
	struct epoll_event event = { .events = EPOLLIN };
	int listener;

	if (argc > 2)
		buffer_size = (size_t)peer_number(argv[2]);
	if (argc > 3)
		socket_buffer = peer_number(argv[3]);
	buffer = malloc(buffer_size);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (buffer == NULL || epoll_fd == -1)
		peer_die("epoll");
	if (argc > 1 && strcmp(argv[1], "unix") == 0)
		listener = peer_unix_socket(SOCK_STREAM | SOCK_NONBLOCK);
	else
		listener = peer_socket(SOCK_STREAM | SOCK_NONBLOCK,
		    argc > 1 ? peer_number(argv[1]) : 0);
	peer_tune(listener, socket_buffer); /* what is accepted inherits it */
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event) == -1)
		peer_die("epoll_ctl");
	peer_ready(listener);
	serve(listener, peer_signals());
	close(listener);
	close(epoll_fd);
	free(buffer);
	return EXIT_SUCCESS;
}
