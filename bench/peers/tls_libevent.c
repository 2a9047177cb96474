/*
 * A peer: the textbook echo on libevent's bufferevents, over TLS by its bufferevent_openssl.  It
 * exists to show what the way that echod did not take would cost; see libevent.c.
 *
 *   tls_libevent PORT CERTIFICATE KEY
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "peer.h"
#include "peer_tls.h"

static SSL_CTX *context;

static void
on_read(struct bufferevent *bev, void *arg)
{
	(void)arg;
	bufferevent_write_buffer(bev, bufferevent_get_input(bev));
}

static void
end(struct bufferevent *bev)
{
	ERR_clear_error();
	SSL_shutdown(bufferevent_openssl_get_ssl(bev));
	bufferevent_free(bev);
}

/* The end of stream came before, and now all has been sent. */
static void
on_drained(struct bufferevent *bev, void *arg)
{
	(void)arg;
	end(bev);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)arg;
	if (what & BEV_EVENT_ERROR)
		bufferevent_free(bev);
	else if (!(what & BEV_EVENT_EOF))
		return;
	else if (evbuffer_get_length(bufferevent_get_output(bev)) == 0)
		end(bev);
	else
		bufferevent_setcb(bev, NULL, on_drained, on_event, NULL);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int size,
    void *base)
{
	SSL *tls = SSL_new(context);
	struct bufferevent *bev = tls == NULL ? NULL : bufferevent_openssl_socket_new(base, fd, tls,
	    BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);

	(void)listener;
	(void)address;
	(void)size;
	if (bev == NULL) {
		SSL_free(tls);
		evutil_closesocket(fd);
		return;
	}
	bufferevent_setcb(bev, on_read, NULL, on_event, NULL);
	if (bufferevent_enable(bev, EV_READ | EV_WRITE) == -1)
		bufferevent_free(bev);
}

static void
on_signal(evutil_socket_t number, short what, void *base)
{
	(void)number;
	(void)what;
	event_base_loopbreak(base);
}

int
main(int argc, char **argv)
{
	struct event_base *base = event_base_new();
	struct evconnlistener *listener = NULL;
	struct event *term = NULL;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	errno = EINVAL;
	if (base == NULL || argc < 4)
		peer_die("tls_libevent PORT CERTIFICATE KEY");
	context = peer_tls_context(argv[2], argv[3]);
	fd = peer_socket(SOCK_STREAM | SOCK_NONBLOCK, peer_number(argv[1]));
	peer_tune(fd, 0); /* what is accepted inherits it */
	listener = evconnlistener_new(base, on_accept, base, LEV_OPT_CLOSE_ON_FREE, 0, fd);
	term = evsignal_new(base, SIGTERM, on_signal, base);
	if (listener == NULL || term == NULL || event_add(term, NULL) == -1)
		peer_die("libevent");
	peer_ready(fd);
	event_base_dispatch(base);
	event_free(term);
	evconnlistener_free(listener);
	event_base_free(base);
	libevent_global_shutdown();
	SSL_CTX_free(context);
	return EXIT_SUCCESS;
}
