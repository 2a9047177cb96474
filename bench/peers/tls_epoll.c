/*
 * A peer: the bare epoll loop over TLS.  It owns its connections; it exists to show what an echo
 * costs with nothing but OpenSSL and the system calls that it makes: level-triggered, each record
 * that SSL_read() opens goes back by SSL_write(), while there are any that it has read ahead.
 * What the socket does not take waits in memory of the connection, and reading stops until that
 * is gone.
 *
 *   tls_epoll PORT CERTIFICATE KEY [READ_AHEAD]
 *
 * READ_AHEAD is how many bytes OpenSSL reads at once (0: one record's).
 */
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"
#include "peer_tls.h"

#define EVENTS 64

struct conn {
	int fd;
	SSL *tls;
	uint32_t events;        /* that epoll tells of */
	unsigned char *waiting; /* what was not taken; NULL where all was */
	size_t begin, end;      /* of what still waits there */
};

static int epoll_fd;
static SSL_CTX *context;
static unsigned char buffer[SSL3_RT_MAX_PLAIN_LENGTH];

static void
conn_close(struct conn *conn)
{
	SSL_free(conn->tls);
	close(conn->fd); /* epoll(7): this removes it */
	free(conn->waiting);
	free(conn);
}

/* Returns -1 where the connection is gone. */
static int
watch(struct conn *conn, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = conn };

	if (conn->events == events)
		return 0;
	conn->events = events;
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
	conn->tls = SSL_new(context);
	if (conn->tls == NULL || SSL_set_fd(conn->tls, fd) != 1) {
		conn_close(conn);
		return;
	}
	SSL_set_accept_state(conn->tls);
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

/* Why nothing was read or written: waits for it, or ends the connection. */
static void
wait_or_end(struct conn *conn)
{
	switch (SSL_get_error(conn->tls, 0)) {
	case SSL_ERROR_WANT_READ:
		watch(conn, EPOLL_CTL_MOD, EPOLLIN);
		return;
	case SSL_ERROR_WANT_WRITE:
		watch(conn, EPOLL_CTL_MOD, EPOLLOUT);
		return;
	case SSL_ERROR_ZERO_RETURN:
		ERR_clear_error();
		SSL_shutdown(conn->tls);
		break;
	default:
		break;
	}
	conn_close(conn);
}

/* Keeps what is left of `size` bytes. */
static bool
keep(struct conn *conn, const unsigned char *data, size_t size)
{
	conn->waiting = malloc(size);
	if (conn->waiting == NULL)
		return false;
	memcpy(conn->waiting, data, size);
	conn->begin = 0;
	conn->end = size;
	return true;
}

/* Returns false where the connection waits, or is gone. */
static bool
give_back(struct conn *conn, size_t size)
{
	size_t sent;

	ERR_clear_error();
	if (SSL_write_ex(conn->tls, buffer, size, &sent) == 1)
		return true; /* a record is taken whole or not at all */
	if (keep(conn, buffer, size))
		wait_or_end(conn);
	else
		conn_close(conn);
	return false;
}

static void
read_on(struct conn *conn)
{
	size_t n;

	do {
		ERR_clear_error();
		if (SSL_read_ex(conn->tls, buffer, sizeof(buffer), &n) != 1) {
			wait_or_end(conn);
			return;
		}
		if (!give_back(conn, n))
			return;
	} while (SSL_has_pending(conn->tls));
	watch(conn, EPOLL_CTL_MOD, EPOLLIN);
}

static void
write_on(struct conn *conn)
{
	size_t n;

	ERR_clear_error();
	if (SSL_write_ex(conn->tls, conn->waiting + conn->begin, conn->end - conn->begin, &n) != 1) {
		wait_or_end(conn);
		return;
	}
	conn->begin += n;
	if (conn->begin < conn->end)
		return;
	free(conn->waiting);
	conn->waiting = NULL;
	read_on(conn); /* what was read ahead gives no event */
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
				write_on(conn);
			else
				read_on(conn);
		}
	}
}

int
main(int argc, char **argv)
{
	struct epoll_event event = { .events = EPOLLIN };
	int listener;

	signal(SIGPIPE, SIG_IGN);
	if (argc < 4) {
		errno = EINVAL;
		peer_die("tls_epoll PORT CERTIFICATE KEY [READ_AHEAD]");
	}
	context = peer_tls_context(argv[2], argv[3]);
	SSL_CTX_set_read_ahead(context, 1);
	if (argc > 4 && peer_number(argv[4]) > 0)
		SSL_CTX_set_default_read_buffer_len(context, (size_t)peer_number(argv[4]));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd == -1)
		peer_die("epoll");
	listener = peer_socket(SOCK_STREAM | SOCK_NONBLOCK, peer_number(argv[1]));
	peer_tune(listener, 0); /* what is accepted inherits it */
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event) == -1)
		peer_die("epoll_ctl");
	peer_ready(listener);
	serve(listener, peer_signals());
	close(listener);
	close(epoll_fd);
	SSL_CTX_free(context);
	return EXIT_SUCCESS;
}
