/* The datagram echo: see udp.h. */
#include "daemon/udp.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/address.h"
#include "common/escape.h"
#include "common/log.h"

/* What one socket may answer before the connections of its worker have their turn. */
#define TURN_DATAGRAMS 64

/* What a socket that closes still answers, so that a flood cannot keep it open. */
#define LAST_DATAGRAMS 1024

struct udp {
	struct event readable;
	struct message opening, closing;
	struct loop *loop;
	struct traffic *traffic;
	int fd;
};

/* One datagram, as recvmsg(2) gave it and sendmsg(2) takes it. */
struct datagram {
	struct sockaddr_in6 peer; /* of either family: in6 is the larger */
	struct iovec payload;
	alignas(struct cmsghdr) unsigned char control[256];
	struct msghdr header;
};

struct udp *
udp_new(int fd, struct traffic *traffic)
{
	struct udp *udp = calloc(1, sizeof(*udp));

	if (udp == NULL)
		return NULL;
	udp->fd = fd;
	udp->traffic = traffic;
	ledger_hold(traffic->ledger);
	return udp;
}

void
udp_free(struct udp *udp)
{
	if (udp == NULL)
		return;
	ledger_release(udp->traffic->ledger);
	free(udp);
}

struct message *
udp_opening(struct udp *udp)
{
	return &udp->opening;
}

struct message *
udp_closing(struct udp *udp)
{
	return &udp->closing;
}

struct udp *
udp_from_opening(struct message *message)
{
	return (struct udp *)((char *)message - offsetof(struct udp, opening));
}

struct udp *
udp_from_closing(struct message *message)
{
	return (struct udp *)((char *)message - offsetof(struct udp, closing));
}

static void
drop(struct udp *udp, enum drop_reason reason)
{
	counter_add(&udp->loop->datagrams.dropped[reason], 1);
}

static void
log_datagram(const struct datagram *datagram, size_t size, const char *verb, const char *way)
{
	char text[ADDRESS_TEXT_SIZE], payload[ESCAPE_TEXT_SIZE];
	struct address peer;

	if (!log_wants(LOG_DEBUG))
		return;
	address_from_sockaddr(&peer, datagram->header.msg_name, datagram->header.msg_namelen);
	log_debug("%s %s %s %s", verb, escape_payload(datagram->payload.iov_base, size, payload), way,
	    address_format(&peer, text));
}

/* Returns the payload's length, or -1 with errno. */
static ssize_t
receive(struct udp *udp, struct datagram *datagram)
{
	datagram->payload = (struct iovec){ udp->loop->scratch, SCRATCH_SIZE };
	datagram->header = (struct msghdr){
		.msg_name = &datagram->peer,
		.msg_namelen = sizeof(datagram->peer),
		.msg_iov = &datagram->payload,
		.msg_iovlen = 1,
		.msg_control = datagram->control,
		.msg_controllen = sizeof(datagram->control),
	};
	return recvmsg(udp->fd, &datagram->header, 0);
}

/* The asked address, where IP_PKTINFO or IPV6_RECVPKTINFO told it; ip(7), ipv6(7). */
struct asked {
	const struct cmsghdr *v4, *v6;
};

static struct asked
find_asked(struct msghdr *header)
{
	struct asked asked = { NULL, NULL };

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			asked.v4 = c;
		else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			asked.v6 = c;
	}
	return asked;
}

static void
put_control(struct msghdr *header, int level, int type, const void *data, size_t size)
{
	struct cmsghdr *c = header->msg_control;

	header->msg_controllen = CMSG_SPACE(size);
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(c), data, size);
}

/*
 * Makes the reply leave from the address that was asked, by whatever way the
 * routes say.  A link-local address means nothing without its interface.
 */
static void
reply_from_asked(struct msghdr *header)
{
	const struct asked asked = find_asked(header);
	struct in6_pktinfo from6;
	struct in_pktinfo from4;

	if (asked.v4 != NULL) {
		memcpy(&from4, CMSG_DATA(asked.v4), sizeof(from4));
		from4.ipi_ifindex = 0;
		put_control(header, IPPROTO_IP, IP_PKTINFO, &from4, sizeof(from4));
	} else if (asked.v6 != NULL) {
		memcpy(&from6, CMSG_DATA(asked.v6), sizeof(from6));
		if (!IN6_IS_ADDR_LINKLOCAL(&from6.ipi6_addr))
			from6.ipi6_ifindex = 0;
		put_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &from6, sizeof(from6));
	} else {
		header->msg_control = NULL;
		header->msg_controllen = 0;
	}
}

static void
reply(struct udp *udp, struct datagram *datagram, size_t size)
{
	datagram->payload.iov_len = size;
	reply_from_asked(&datagram->header);
	log_datagram(datagram, size, "sending", "to");
	if (sendmsg(udp->fd, &datagram->header, MSG_NOSIGNAL) == -1) {
		drop(udp, errno == EAGAIN || errno == ENOBUFS ? DROP_FULL : DROP_SEND);
		return;
	}
	counter_add(&udp->loop->datagrams.sent, 1);
	counter_add(&udp->traffic->sent_bytes, size);
}

/* Answers at most `most` datagrams.  Returns false when there was none left. */
static bool
answer(struct udp *udp, int most)
{
	struct datagram datagram;
	ssize_t size;

	for (int i = 0; i < most; i++) {
		size = receive(udp, &datagram);
		if (size == -1 && errno == EAGAIN)
			return false;
		if (size == -1) {
			if (errno != EINTR)
				drop(udp, DROP_RECEIVE);
			continue;
		}
		counter_add(&udp->loop->datagrams.received, 1);
		counter_add(&udp->traffic->received_bytes, (size_t)size);
		log_datagram(&datagram, (size_t)size, "received", "from");
		if (datagram.header.msg_flags & MSG_TRUNC)
			drop(udp, DROP_TRUNCATED);
		else
			reply(udp, &datagram, (size_t)size);
	}
	return true;
}

static void
watch(struct udp *udp)
{
	if (event_add(&udp->readable, NULL) == -1)
		log_error("cannot watch the socket of %s: %s", udp->traffic->ledger->name,
		    strerror(errno));
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct udp *udp = arg;

	(void)fd;
	(void)what;
	if (answer(udp, TURN_DATAGRAMS) && udp->loop->edge_triggered) {
		event_del(&udp->readable);
		watch(udp);
	}
}

void
udp_open(struct udp *udp, struct loop *loop)
{
	udp->loop = loop;
	event_assign(&udp->readable, loop->base, udp->fd,
	    EV_READ | EV_PERSIST | (loop->edge_triggered ? EV_ET : 0), on_readable, udp);
	watch(udp);
}

void
udp_close(struct udp *udp)
{
	answer(udp, LAST_DATAGRAMS);
	event_del(&udp->readable);
	close(udp->fd);
	inbox_post(udp->loop->reports.inbox, &udp->closing, udp->loop->reports.udp_closed);
}
