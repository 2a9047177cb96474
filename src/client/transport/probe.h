/*
 * Channels of a wish that has `probing`: datagrams that find out what the path takes.  Each is sent
 * whole or not at all, whatever the system remembers of the path (IP_PMTUDISC_PROBE, ip(7)), and
 * what is told of it on the way is kept until it is taken.
 */
#ifndef CLIENT_TRANSPORT_PROBE_H
#define CLIENT_TRANSPORT_PROBE_H

#include <sys/socket.h>

#include "client/transport/channel.h"

/* What an ICMP message quotes of a datagram, at most: bytes that are kept. */
#define PROBE_QUOTE_SIZE 64

struct probe_news {
	int error;     /* EMSGSIZE: it is too long */
	bool is_own;   /* this host says so, and has not sent it */
	unsigned mtu;  /* of one that is too long: the MTU that passes; 0: it is not told */
	char from[ADDRESS_HOST_SIZE]; /* who says so, "" where that is not known */
	size_t quoted; /* how much of the datagram is in `quote` */
	unsigned char quote[PROBE_QUOTE_SIZE];
};

/*
 * Takes what was told first.  Returns false where nothing is left.  As long as something is, the
 * channel's user is called: and channel_send() and channel_receive() may fail with it.
 */
bool probe_take_news(struct channel *channel, struct probe_news *news);

/*
 * Reads what recvmsg(2) has filled in of an error queue, and the `size` bytes of the datagram with
 * it.  Pure.  Returns false where it is no such message.
 */
bool probe_read_news(struct probe_news *news, struct msghdr *header, size_t size);

/* The headers of a datagram there, IP's and UDP's, and the most data that one can have: bytes. */
size_t probe_headers(const struct channel *channel);
size_t probe_most(const struct channel *channel);

/* The size of the largest fragment that the last datagram received came in; 0: it came whole. */
size_t probe_fragment(const struct channel *channel);

/*
 * The size of a datagram, not below `size`, that is fragmented where that is allowed: over IPv6 it
 * is one that this host's interface, of `mtu`, 0: unknown, does not take whole.
 */
size_t probe_fragmented(const struct channel *channel, size_t size, unsigned mtu);

/*
 * Whether what is sent from now on may be fragmented, here and on the way, into pieces that each
 * path has to take.  Returns false with errno.
 */
bool probe_allow_fragments(struct channel *channel, bool allowed);

#endif
