/*
 * Stream workloads of the load generator: messages in a closed loop over connections
 * that stay open, with or without idle ones beside them, and idle ones alone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "load.h"

struct stream {
	struct source source;
	int fd; /* -1: it failed */
	unsigned int id;
	uint64_t sent, done; /* messages */
	size_t out, in;      /* bytes of the message that is being sent, and received */
	bool started;        /* the message that is being sent is in flight */
	bool blocked;
	uint64_t *begun; /* by message, modulo options.depth */
};

static struct stream *streams;

static void
fail(struct stream *stream, const char *what)
{
	uint64_t flying = stream->sent - stream->done + (stream->started ? 1 : 0);

	load_reset(stream->fd);
	stream->fd = -1;
	for (; flying > 0; flying--)
		load_failed(what);
}

static void
set_blocked(struct stream *stream, bool blocked)
{
	if (stream->blocked == blocked)
		return;
	stream->blocked = blocked;
	load_watch(stream->fd, &stream->source, EPOLL_CTL_MOD, EPOLLIN | (blocked ? EPOLLOUT : 0));
}

/* Begins the next message, where one may be in flight. */
static bool
start(struct stream *stream, uint64_t now)
{
	if (stream->started)
		return true;
	if (stream->sent - stream->done == (uint64_t)options.depth || !load_may_begin())
		return false;
	stream->begun[stream->sent % (uint64_t)options.depth] = now;
	stream->started = true;
	return true;
}

/* Sends what may be in flight.  A message that began is sent to its end. */
static void
push(struct stream *stream, uint64_t now)
{
	while (start(stream, now)) {
		const unsigned char *message = load_message(stream->id, stream->sent);
		const ssize_t n = send(stream->fd, message + stream->out,
		    options.size - stream->out, MSG_NOSIGNAL);

		if (n == -1 && errno == EAGAIN) {
			set_blocked(stream, true);
			return;
		}
		if (n == -1) {
			fail(stream, "send");
			return;
		}
		stream->out += (size_t)n;
		if (stream->out < options.size)
			continue;
		stream->out = 0;
		stream->started = false;
		stream->sent++;
	}
	set_blocked(stream, false);
}

/* Compares `size` bytes that came with what was sent. */
static void
take(struct stream *stream, const unsigned char *data, size_t size, uint64_t now)
{
	while (size > 0) {
		const unsigned char *message = load_message(stream->id, stream->done);
		const size_t left = options.size - stream->in, n = size < left ? size : left;

		errno = 0;
		if (stream->done == stream->sent && stream->in + n > stream->out)
			load_die("more came back than was sent");
		if (memcmp(data, message + stream->in, n) != 0)
			load_die("what came back is not what was sent");
		data += n;
		size -= n;
		stream->in += n;
		if (stream->in < options.size)
			return;
		stream->in = 0;
		load_done(stream->begun[stream->done % (uint64_t)options.depth], now, options.size);
		stream->done++;
	}
}

static void
on_ready(struct source *source, uint32_t events)
{
	static unsigned char buffer[LOAD_BUFFER];
	struct stream *stream = (struct stream *)source;
	uint64_t now;
	ssize_t n;

	if (events & EPOLLOUT)
		push(stream, load_now());
	if (stream->fd == -1 || !(events & ~(uint32_t)EPOLLOUT))
		return;
	n = recv(stream->fd, buffer, sizeof(buffer), 0);
	if (n == -1 && errno == EAGAIN)
		return;
	if (n <= 0) {
		errno = n == 0 ? ECONNRESET : errno;
		fail(stream, "recv");
		return;
	}
	now = load_now();
	take(stream, buffer, (size_t)n, now);
	push(stream, now);
}

static void
open_one(struct stream *stream, unsigned int id)
{
	stream->source.ready = on_ready;
	stream->id = id;
	stream->begun = calloc((size_t)options.depth, sizeof(*stream->begun));
	stream->fd = load_connect(SOCK_STREAM, id);
	if (stream->begun == NULL || stream->fd == -1)
		load_die("connect");
	load_watch(stream->fd, &stream->source, EPOLL_CTL_ADD, EPOLLIN);
}

static void
open_all(void)
{
	load_hold(options.idle);
	streams = calloc((size_t)options.connections, sizeof(*streams));
	if (streams == NULL)
		load_die("calloc");
	for (int i = 0; i < options.connections; i++)
		open_one(&streams[i], (unsigned int)i);
}

static void
begin(void)
{
	for (int i = 0; i < options.connections; i++)
		if (streams[i].fd != -1)
			push(&streams[i], load_now());
}

const struct workload load_stream = { open_all, begin, NULL };

/* --- idle ones alone ------------------------------------------------------------- */

/* The first connection is the server's chance to get what it needs but once. */
static void
open_first(void)
{
	options.warmup = 0;
	load_hold(1);
}

static void
hold_all(void)
{
	load_hold(options.idle);
}

const struct workload load_idle = { open_first, hold_all, NULL };
