/*
 * Stream workloads of the load generator: messages in a closed loop over connections
 * that stay open, with or without idle ones beside them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "load.h"

struct stream {
	struct source source;
	struct load_link link; /* none: it failed */
	unsigned int id;
	uint64_t sent, done; /* messages */
	size_t out, in;      /* bytes of the message that is being sent, and received */
	bool started;        /* the message that is being sent is in flight */
	uint32_t awaits;     /* of epoll, to send on; 0: it is not blocked */
	uint64_t *begun; /* by message, modulo options.depth */
};

static struct stream *streams;

static void
fail(struct stream *stream, const char *what)
{
	uint64_t flying = stream->sent - stream->done + (stream->started ? 1 : 0);

	load_link_reset(&stream->link);
	for (; flying > 0; flying--)
		load_failed(what);
}

static void
await(struct stream *stream, uint32_t events)
{
	if (stream->awaits == events)
		return;
	stream->awaits = events;
	load_watch(stream->link.fd, &stream->source, EPOLL_CTL_MOD, EPOLLIN | events);
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
		const ssize_t n = load_link_send(&stream->link, message + stream->out,
		    options.size - stream->out);

		if (n == -1 && errno == EAGAIN) {
			await(stream, load_link_awaits(&stream->link));
			return;
		}
		if (n <= 0) {
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
	await(stream, 0);
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

	if (events & stream->awaits)
		push(stream, load_now());
	if (stream->link.fd == -1 || !(events & ~(uint32_t)EPOLLOUT))
		return;
	n = load_link_receive(&stream->link, buffer, sizeof(buffer));
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
	if (stream->begun == NULL)
		load_die("calloc");
	load_link_open(&stream->link, SOCK_STREAM | SOCK_NONBLOCK, id);
	load_watch(stream->link.fd, &stream->source, EPOLL_CTL_ADD, EPOLLIN);
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
		if (streams[i].link.fd != -1)
			push(&streams[i], load_now());
}

const struct workload load_stream = { open_all, begin, NULL };
