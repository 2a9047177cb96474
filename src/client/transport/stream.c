/* Channels over TCP: see channel_internal.h. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "client/transport/channel_internal.h"

#define TIMESTAMPS_SIZE 12 /* of each segment, with what aligns them */

void
stream_prepare(struct channel *channel)
{
	const int on = 1;

	setsockopt(channel->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* What came before the error is read first, and an error makes a socket readable. */
static ssize_t
judge_sent(struct channel *channel, ssize_t n)
{
	if (n >= 0 || errno == EAGAIN || errno == EINTR)
		return n;
	if (channel->send_error == 0)
		channel->send_error = errno;
	channel_want_write(channel, false);
	errno = EAGAIN;
	return -1;
}

static ssize_t
send_bytes(struct channel *channel, const void *data, size_t size)
{
	return judge_sent(channel, send(channel->fd, data, size, MSG_NOSIGNAL));
}

static ssize_t
send_pieces(struct channel *channel, struct iovec *pieces, size_t count)
{
	const struct msghdr header = { .msg_iov = pieces,
		.msg_iovlen = count };

	return judge_sent(channel, sendmsg(channel->fd, &header, MSG_NOSIGNAL));
}

static ssize_t
receive_bytes(struct channel *channel, void *data, size_t size, int64_t *when)
{
	const ssize_t n = arrival_receive(channel->fd, &channel->clock, data, size, when);

	if (n != 0)
		return n;
	errno = channel->send_error;
	return -1;
}

/* An MSS counts what options take, too, of which only this one comes with each segment: RFC 6691. */
bool
channel_segments(const struct channel *channel, struct channel_segments *segments)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	if (getsockopt(channel->fd, IPPROTO_TCP, TCP_INFO, &info, &length) == -1)
		return false;
	*segments = (struct channel_segments){
		.there = info.tcpi_snd_mss,
		.back = info.tcpi_rcv_mss,
		.announced = info.tcpi_advmss +
		    (info.tcpi_options & TCPI_OPT_TIMESTAMPS ? TIMESTAMPS_SIZE : 0),
		.path = info.tcpi_pmtu,
	};
	return true;
}

static void
shut_down(struct channel *channel)
{
	shutdown(channel->fd, SHUT_WR);
}

const struct channel_kind channel_stream = {
	.type = SOCK_STREAM,
	.prepare = stream_prepare,
	.send = send_bytes,
	.send_pieces = send_pieces,
	.receive = receive_bytes,
	.shut_down = shut_down,
};
