/* Channels over UDP: see channel_internal.h. */
#include <sys/socket.h>

#include "client/transport/channel_internal.h"

static ssize_t
send_datagram(struct channel *channel, const void *data, size_t size)
{
	return send(channel->fd, data, size, MSG_NOSIGNAL);
}

static ssize_t
receive_datagram(struct channel *channel, void *data, size_t size, int64_t *when)
{
	return arrival_receive(channel->fd, &channel->clock, data, size, when);
}

const struct channel_kind channel_datagram = {
	.type = SOCK_DGRAM,
	.send = send_datagram,
	.receive = receive_datagram,
};
