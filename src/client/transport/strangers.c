/* Strangers: see strangers.h. */
#include "client/transport/strangers.h"

#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/transport/channel_internal.h"

/* Who floods has to wait for the next turn of the loop. */
#define TURN_RECEIVES 16

/* Theirs is no traffic to make room for: bytes. */
#define ROOM 8192

/* What is kept of a datagram. */
#define HEAD_SIZE 64

static void
take(struct channel *channel, const struct address *from, const unsigned char *data, size_t size)
{
	const size_t kept = size < HEAD_SIZE ? size : HEAD_SIZE;

	if (address_equal(from, &channel->peer))
		return; /* to another address of ours */
	channel->stranger_count++;
	channel->stranger = *from;
	if (channel->user != NULL && channel->user->stranger != NULL)
		channel->user->stranger(channel->arg, data, kept, size);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	unsigned char head[HEAD_SIZE];
	struct sockaddr_in6 name;
	struct address from;

	(void)what;
	for (int i = 0; i < TURN_RECEIVES; i++) {
		socklen_t length = sizeof(name);
		const ssize_t n = recvfrom(fd, head, sizeof(head), MSG_TRUNC,
		    (struct sockaddr *)&name, &length);

		if (n == -1)
			return;
		address_from_sockaddr(&from, (struct sockaddr *)&name, length);
		take(arg, &from, head, (size_t)n);
	}
}

static void
share_port(int fd, int on)
{
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
}

/* The port is shared for this moment only, so that nobody else can take a part in it. */
static bool
bind_beside(int fd, const struct channel *channel)
{
	const int room = ROOM;
	struct address any;
	bool bound;

	address_parse(&any, channel->local.sa.sa_family == AF_INET ? "0.0.0.0" : "::",
	    address_port(&channel->local));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	share_port(fd, 1);
	share_port(channel->fd, 1);
	bound = bind(fd, &any.sa, address_length(&any)) == 0;
	share_port(channel->fd, 0);
	share_port(fd, 0);
	return bound;
}

void
strangers_open(struct channel *channel)
{
	const int fd = socket(channel->local.sa.sa_family,
	    SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return;
	event_assign(&channel->from_strangers, channel->base, fd, EV_READ | EV_PERSIST,
	    on_readable, channel);
	if (bind_beside(fd, channel) && event_add(&channel->from_strangers, NULL) == 0)
		channel->strangers_fd = fd;
	else
		close(fd);
}

void
strangers_close(struct channel *channel)
{
	if (channel->strangers_fd == -1)
		return;
	event_del(&channel->from_strangers);
	close(channel->strangers_fd);
	channel->strangers_fd = -1;
}
