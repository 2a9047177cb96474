/*
 * A peer: an echo on libuv.  It tries to write at once, and only what the socket did
 * not take is copied and becomes a request; reading stops until that is done.  All
 * connections share one buffer to read into, for nothing stays in it.
 *
 *   libuv PORT
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#include "peer.h"

#define BUFFER_SIZE 65536 /* what libuv itself suggests, and as in echod */

/* What waits: freed when it is written, or when the connection ends before. */
struct waiting {
	uv_write_t request;
	unsigned char data[];
};

static char buffer[BUFFER_SIZE];

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *from);

static void
on_closed(uv_handle_t *handle)
{
	free(handle);
}

static void
conn_close(uv_stream_t *stream)
{
	if (!uv_is_closing((uv_handle_t *)stream))
		uv_close((uv_handle_t *)stream, on_closed);
}

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *to)
{
	(void)handle;
	(void)suggested;
	*to = uv_buf_init(buffer, sizeof(buffer));
}

static void
on_written(uv_write_t *request, int status)
{
	uv_stream_t *stream = request->handle;

	free(request->data);
	if (status < 0 || uv_read_start(stream, on_alloc, on_read) < 0)
		conn_close(stream);
}

static void
wait_with(uv_stream_t *stream, const char *data, size_t size)
{
	struct waiting *waiting = malloc(sizeof(*waiting) + size);
	uv_buf_t rest;

	uv_read_stop(stream);
	if (waiting == NULL) {
		conn_close(stream);
		return;
	}
	memcpy(waiting->data, data, size);
	waiting->request.data = waiting;
	rest = uv_buf_init((char *)waiting->data, (unsigned int)size);
	if (uv_write(&waiting->request, stream, &rest, 1, on_written) < 0) {
		free(waiting);
		conn_close(stream);
	}
}

static void
on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *from)
{
	uv_buf_t all;
	int n;

	if (size == 0)
		return; /* EAGAIN */
	if (size < 0) {
		conn_close(stream);
		return;
	}
	all = uv_buf_init(from->base, (unsigned int)size);
	n = uv_try_write(stream, &all, 1);
	if (n < 0 && n != UV_EAGAIN) {
		conn_close(stream);
		return;
	}
	if (n < 0)
		n = 0;
	if (n < size)
		wait_with(stream, from->base + n, (size_t)(size - n));
}

static void
on_connection(uv_stream_t *listener, int status)
{
	uv_tcp_t *tcp = status < 0 ? NULL : calloc(1, sizeof(*tcp));

	if (tcp == NULL)
		return;
	if (uv_tcp_init(listener->loop, tcp) < 0) {
		free(tcp);
		return;
	}
	if (uv_accept(listener, (uv_stream_t *)tcp) < 0 || uv_tcp_nodelay(tcp, 1) < 0 ||
	    uv_read_start((uv_stream_t *)tcp, on_alloc, on_read) < 0)
		conn_close((uv_stream_t *)tcp);
}

static void
close_any(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, handle->type == UV_TCP && handle->data == NULL ? on_closed : NULL);
}

static void
on_signal(uv_signal_t *term, int number)
{
	(void)number;
	uv_walk(term->loop, close_any, NULL);
}

int
main(int argc, char **argv)
{
	uv_loop_t loop;
	uv_tcp_t listener;
	uv_signal_t term;
	const int fd =
	    peer_socket(SOCK_STREAM | SOCK_NONBLOCK, argc > 1 ? peer_number(argv[1]) : 0);

	signal(SIGPIPE, SIG_IGN);
	if (uv_loop_init(&loop) < 0 || uv_signal_init(&loop, &term) < 0 ||
	    uv_tcp_init(&loop, &listener) < 0 || uv_tcp_open(&listener, fd) < 0)
		peer_die("libuv");
	listener.data = &listener; /* tells it from the connections: it is not to be freed */
	if (uv_signal_start(&term, on_signal, SIGTERM) < 0 ||
	    uv_listen((uv_stream_t *)&listener, SOMAXCONN, on_connection) < 0)
		peer_die("libuv");
	peer_ready(fd);
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
