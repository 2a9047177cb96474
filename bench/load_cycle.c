/*
 * The workload of short connections: connect, one echo, our end of stream, the
 * server's, close.  It is the orderly end that a client makes, so ports go into
 * TIME_WAIT here: with SO_LINGER of 0 the kernel would skip that only where the end
 * of stream is left out, and then a reset is what the server would be measured with.
 * Ports do not run out, because the cycles take turns at 16 addresses of the loopback
 * (450,000 ports), and Linux uses those of the loopback again after a second.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "load.h"

struct cycle {
	struct source source;
	struct load_link link; /* none: between two cycles */
	unsigned int id;
	uint64_t number, begun;
	bool connected;
	uint32_t awaits; /* of epoll */
	size_t out, in;
};

static struct cycle *cycles;

static void start(struct cycle *cycle);

static void
watch(struct cycle *cycle, int operation, uint32_t events)
{
	if (cycle->awaits == events && operation == EPOLL_CTL_MOD)
		return;
	cycle->awaits = events;
	load_watch(cycle->link.fd, &cycle->source, operation, events);
}

static void
fail(struct cycle *cycle, const char *what)
{
	load_link_reset(&cycle->link);
	load_failed(what);
	start(cycle);
}

static void
send_message(struct cycle *cycle)
{
	const unsigned char *message = load_message(cycle->id, cycle->number);
	const ssize_t n =
	    load_link_send(&cycle->link, message + cycle->out, options.size - cycle->out);

	if (n == -1 && errno == EAGAIN) {
		watch(cycle, EPOLL_CTL_MOD, load_link_awaits(&cycle->link));
		return;
	}
	if (n <= 0) {
		fail(cycle, cycle->connected ? "send" : "connect");
		return;
	}
	cycle->connected = true;
	cycle->out += (size_t)n;
	if (cycle->out == options.size)
		watch(cycle, EPOLL_CTL_MOD, EPOLLIN);
}

static void
end_of_stream(struct cycle *cycle)
{
	errno = ECONNRESET;
	if (cycle->in < options.size) {
		fail(cycle, "end of stream before the echo");
		return;
	}
	load_link_close(&cycle->link);
	load_done(cycle->begun, load_now(), options.size);
	start(cycle);
}

static void
receive(struct cycle *cycle)
{
	static unsigned char buffer[LOAD_BUFFER];
	const ssize_t n = load_link_receive(&cycle->link, buffer, sizeof(buffer));

	if (n == 0) {
		end_of_stream(cycle);
	} else if (n == -1) {
		if (errno != EAGAIN)
			fail(cycle, "recv");
	} else {
		errno = 0;
		if (cycle->in + (size_t)n > cycle->out ||
		    memcmp(load_message(cycle->id, cycle->number) + cycle->in, buffer,
		    (size_t)n) != 0)
			load_die("what came back is not what was sent");
		cycle->in += (size_t)n;
		if (cycle->in == options.size && load_link_end(&cycle->link) == -1)
			fail(cycle, "shutdown");
	}
}

static void
on_ready(struct source *source, uint32_t events)
{
	struct cycle *cycle = (struct cycle *)source;

	(void)events;
	if (cycle->out < options.size)
		send_message(cycle);
	else
		receive(cycle);
}

static void
start(struct cycle *cycle)
{
	if (!load_may_begin())
		return;
	cycle->number++;
	cycle->out = cycle->in = 0;
	cycle->connected = false;
	cycle->begun = load_now();
	load_link_open(&cycle->link, SOCK_STREAM | SOCK_NONBLOCK,
	    cycle->id + (unsigned int)cycle->number);
	watch(cycle, EPOLL_CTL_ADD, EPOLLOUT);
}

static void
open_all(void)
{
	cycles = calloc((size_t)options.connections, sizeof(*cycles));
	if (cycles == NULL)
		load_die("calloc");
	for (int i = 0; i < options.connections; i++) {
		cycles[i].source.ready = on_ready;
		cycles[i].id = (unsigned int)i;
	}
}

static void
begin(void)
{
	for (int i = 0; i < options.connections; i++)
		start(&cycles[i]);
}

const struct workload load_cycle = { open_all, begin, NULL };
