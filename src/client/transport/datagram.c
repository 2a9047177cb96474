/* Channels over UDP: see channel_internal.h. */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "client/transport/channel_internal.h"

/*
 * Else a connected socket is told of a closed port, but not that a router knows no way or that the
 * host does not answer on its link: ip(7), IP_RECVERR.
 */
void
datagram_prepare(struct channel *channel)
{
	const int on = 1;

	if (channel->peer.sa.sa_family == AF_INET)
		setsockopt(channel->fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
	else
		setsockopt(channel->fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
}

ssize_t
datagram_send(struct channel *channel, const void *data, size_t size)
{
	return send(channel->fd, data, size, MSG_NOSIGNAL);
}

/* The errno of each was told in its turn; as long as one is kept, the socket is readable. */
static void
forget_errors(int fd)
{
	char nothing;

	while (recv(fd, &nothing, sizeof(nothing), MSG_ERRQUEUE | MSG_DONTWAIT) != -1)
		;
}

static ssize_t
receive_datagram(struct channel *channel, void *data, size_t size, int64_t *when)
{
	const ssize_t n = arrival_receive(channel->fd, &channel->clock, data, size, when);
	const int error = errno;

	if (n == -1)
		forget_errors(channel->fd);
	errno = error;
	return n;
}

const struct channel_kind channel_datagram = {
	.type = SOCK_DGRAM,
	.prepare = datagram_prepare,
	.send = datagram_send,
	.receive = receive_datagram,
};
