/* Datagrams that find out what the path takes: see probe.h. */
#include "client/transport/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <string.h>

/* Without __u32 and its like: it needs time.h's struct timespec. */
#include <time.h>
#include <linux/errqueue.h>

#include "client/timing.h"
#include "client/transport/channel_internal.h"

/* What each path over IPv6 takes, with its headers: RFC 8200. */
#define IPV6_LEAST 1280

/* Headers, IP's and UDP's. */
#define HEADERS_OF_IPV4 28
#define HEADERS_OF_IPV6 48

/* The most data: IPv4 counts its own header, too. */
#define MOST_OF_IPV4 65507
#define MOST_OF_IPV6 65527

/* Two of the longest replies: bytes. */
#define ROOM 1048576

/* With room for whatever else the socket may say of a datagram. */
#define CONTROL_SIZE 512

static bool
is_ipv4(const struct channel *channel)
{
	return channel->peer.sa.sa_family == AF_INET;
}

size_t
probe_headers(const struct channel *channel)
{
	return is_ipv4(channel) ? HEADERS_OF_IPV4 : HEADERS_OF_IPV6;
}

size_t
probe_most(const struct channel *channel)
{
	return is_ipv4(channel) ? MOST_OF_IPV4 : MOST_OF_IPV6;
}

size_t
probe_fragmented(const struct channel *channel, size_t size, unsigned mtu)
{
	if (is_ipv4(channel) || mtu < size + HEADERS_OF_IPV6 || mtu >= MOST_OF_IPV6)
		return size;
	return mtu - HEADERS_OF_IPV6 + 1;
}

/* Returns false with errno. */
static bool
set_fragments(const struct channel *channel, bool allowed)
{
	const struct marking marking = {
		.fragments = allowed ? FRAGMENTS_ALLOWED : FRAGMENTS_PROBED,
	};
	const int error = marking_set(&marking, channel->fd, channel->peer.sa.sa_family);

	errno = error;
	return error == 0;
}

/* Nobody on the way makes fragments of IPv6: so those that are made here have to be short. */
bool
probe_allow_fragments(struct channel *channel, bool allowed)
{
	const int size = allowed ? IPV6_LEAST : 0; /* 0: as long as the interface takes them */

	if (!is_ipv4(channel) &&
	    setsockopt(channel->fd, IPPROTO_IPV6, IPV6_MTU, &size, sizeof(size)) == -1)
		return false;
	return set_fragments(channel, allowed);
}

static void
prepare(struct channel *channel)
{
	const int on = 1, room = ROOM;

	setsockopt(channel->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	set_fragments(channel, false);
	datagram_prepare(channel);
	if (is_ipv4(channel))
		setsockopt(channel->fd, IPPROTO_IP, IP_RECVFRAGSIZE, &on, sizeof(on));
	else
		setsockopt(channel->fd, IPPROTO_IPV6, IPV6_RECVFRAGSIZE, &on, sizeof(on));
}

/* One of these types, with `least` bytes, whose length is not beyond the end: the first may be. */
static bool
is_message(const struct msghdr *header, const struct cmsghdr *c, int v4, int v6, size_t least)
{
	const size_t before = (size_t)((const char *)c - (const char *)header->msg_control);

	return ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == v4) ||
	    (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == v6)) &&
	    c->cmsg_len >= CMSG_LEN(least) && c->cmsg_len <= header->msg_controllen - before;
}

/* --- news -------------------------------------------------------------------------------- */

/* Behind the error stands who has told it: SO_EE_OFFENDER(), where the length has room for it. */
static void
read_offender(struct probe_news *news, const struct cmsghdr *c)
{
	const unsigned char *data = CMSG_DATA(c) + sizeof(struct sock_extended_err);
	const size_t size = c->cmsg_len - CMSG_LEN(sizeof(struct sock_extended_err));
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
	sa_family_t family = AF_UNSPEC;

	if (size >= sizeof(family))
		memcpy(&family, data, sizeof(family));
	if (family == AF_INET && size >= sizeof(in4)) {
		memcpy(&in4, data, sizeof(in4));
		inet_ntop(AF_INET, &in4.sin_addr, news->from, sizeof(news->from));
	} else if (family == AF_INET6 && size >= sizeof(in6)) {
		memcpy(&in6, data, sizeof(in6));
		inet_ntop(AF_INET6, &in6.sin6_addr, news->from, sizeof(news->from));
	}
}

bool
probe_read_news(struct probe_news *news, struct msghdr *header, size_t size)
{
	struct sock_extended_err error;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
		if (!is_message(header, c, IP_RECVERR, IPV6_RECVERR, sizeof(error)))
			continue;
		memcpy(&error, CMSG_DATA(c), sizeof(error));
		news->error = (int)error.ee_errno;
		news->is_own = error.ee_origin == SO_EE_ORIGIN_LOCAL;
		news->mtu = news->error == EMSGSIZE ? error.ee_info : 0;
		news->quoted = size < sizeof(news->quote) ? size : sizeof(news->quote);
		*news->from = '\0';
		read_offender(news, c);
		return true;
	}
	return false;
}

bool
probe_take_news(struct channel *channel, struct probe_news *news)
{
	alignas(struct cmsghdr) char control[CONTROL_SIZE];
	struct iovec quote = { news->quote, sizeof(news->quote) };
	struct msghdr header = {
		.msg_iov = &quote,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	do {
		header.msg_controllen = sizeof(control);
		n = recvmsg(channel->fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT);
	} while (n >= 0 && !probe_read_news(news, &header, (size_t)n));
	return n >= 0;
}

/* --- receiving ------------------------------------------------------------------------- */

static size_t
find_fragment(struct msghdr *header)
{
	int size;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c))
		if (is_message(header, c, IP_RECVFRAGSIZE, IPV6_RECVFRAGSIZE, sizeof(size))) {
			memcpy(&size, CMSG_DATA(c), sizeof(size));
			return size > 0 ? (size_t)size : 0;
		}
	return 0;
}

static ssize_t
receive_probe(struct channel *channel, void *data, size_t size, int64_t *when)
{
	alignas(struct cmsghdr) char control[CONTROL_SIZE];
	struct iovec payload = { data, size };
	struct msghdr header = {
		.msg_iov = &payload,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	n = recvmsg(channel->fd, &header, 0);
	if (n >= 0)
		channel->fragment = find_fragment(&header);
	if (when != NULL)
		*when = timing_now();
	return n;
}

size_t
probe_fragment(const struct channel *channel)
{
	return channel->fragment;
}

const struct channel_kind channel_probe = {
	.type = SOCK_DGRAM,
	.prepare = prepare,
	.send = datagram_send,
	.receive = receive_probe,
};
