/*
 * Links over TLS 1.3, by OpenSSL with its defaults, as most clients have them: see load.h.
 * Whose certificate it is does not matter to a load.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

static SSL_CTX *
context(void)
{
	static SSL_CTX *made;

	if (made != NULL)
		return made;
	made = SSL_CTX_new(TLS_client_method());
	errno = 0;
	if (made == NULL || SSL_CTX_set_min_proto_version(made, TLS1_3_VERSION) != 1)
		load_die("TLS");
	SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	    SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(made, 1);
	SSL_CTX_set_default_read_buffer_len(made, LOAD_BUFFER);
	return made;
}

void
load_link_open(struct load_link *link, int type, unsigned int number)
{
	SSL *tls = SSL_new(context());

	link->fd = load_connect(type, number);
	if (link->fd == -1)
		load_die("connect");
	errno = 0;
	if (tls == NULL || SSL_set_fd(tls, link->fd) != 1)
		load_die("TLS");
	SSL_set_connect_state(tls);
	link->tls = tls;
}

/* What send(2) or recv(2) would return in the place of `result`. */
static ssize_t
failed(struct load_link *link, int result)
{
	switch (SSL_get_error(link->tls, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		return -1;
	default:
		errno = EPROTO;
		return -1;
	}
}

ssize_t
load_link_send(struct load_link *link, const void *data, size_t size)
{
	size_t n;

	ERR_clear_error();
	return SSL_write_ex(link->tls, data, size, &n) == 1 ? (ssize_t)n : failed(link, 0);
}

/* All that is there: what OpenSSL has read ahead gives no event. */
ssize_t
load_link_receive(struct load_link *link, void *buffer, size_t size)
{
	size_t got = 0, n;

	do {
		ERR_clear_error();
		if (SSL_read_ex(link->tls, (char *)buffer + got, size - got, &n) != 1)
			return got > 0 ? (ssize_t)got : failed(link, 0);
		got += n;
	} while (got < size && SSL_has_pending(link->tls));
	return (ssize_t)got;
}

uint32_t
load_link_awaits(const struct load_link *link)
{
	return SSL_want_read(link->tls) ? EPOLLIN : EPOLLOUT;
}

int
load_link_end(struct load_link *link)
{
	ERR_clear_error();
	if (SSL_shutdown(link->tls) < 0) {
		errno = EPROTO;
		return -1;
	}
	return shutdown(link->fd, SHUT_WR);
}

void
load_link_close(struct load_link *link)
{
	SSL_free(link->tls);
	close(link->fd);
	link->fd = -1;
}

void
load_link_reset(struct load_link *link)
{
	load_set_reset(link->fd);
	load_link_close(link);
}
