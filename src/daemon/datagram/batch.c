/* Datagrams in batches: see batch.h. */
#include "daemon/datagram/batch.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "net/address.h"

/* No datagram's payload is longer: its length has 16 bits, of which 8 bytes are a header. */
#define PAYLOAD_SIZE 65536

/*
 * From one payload to the next.  Were it a power of two, the first lines of all of them
 * would meet in the same few places of the CPU's cache.
 */
#define PAYLOAD_STRIDE (PAYLOAD_SIZE + 5 * 64)

/* A dual-stack socket tells the address that was asked in both ways: see bind.c. */
#define CONTROL_SIZE \
	(CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo)))

/* What a header points to besides the payload. */
struct slot {
	struct sockaddr_in6 peer; /* of either family: in6 is the larger */
	struct iovec payload;
	alignas(struct cmsghdr) unsigned char control[CONTROL_SIZE];
};

struct batch {
	size_t count;    /* received, and not replied to yet */
	size_t selected; /* the first so many of them are to be answered */
	/* In the order in which they are sent, which need not be that of the slots. */
	struct mmsghdr headers[BATCH_SIZE];
	struct slot slots[BATCH_SIZE];
	unsigned char payloads[BATCH_SIZE][PAYLOAD_STRIDE];
};

static struct slot *
slot_of(const struct mmsghdr *header)
{
	return (struct slot *)((char *)header->msg_hdr.msg_name - offsetof(struct slot, peer));
}

/* Sets what the kernel or the reply to another datagram has changed. */
static void
make_receivable(struct mmsghdr *header)
{
	struct slot *slot = slot_of(header);

	slot->payload.iov_len = PAYLOAD_SIZE;
	header->msg_hdr.msg_namelen = sizeof(slot->peer);
	header->msg_hdr.msg_control = slot->control;
	header->msg_hdr.msg_controllen = sizeof(slot->control);
}

struct batch *
batch_new(void)
{
	struct batch *batch = calloc(1, sizeof(*batch));

	if (batch == NULL)
		return NULL;
	for (size_t i = 0; i < BATCH_SIZE; i++) {
		batch->slots[i].payload.iov_base = batch->payloads[i];
		batch->headers[i].msg_hdr.msg_name = &batch->slots[i].peer;
		batch->headers[i].msg_hdr.msg_iov = &batch->slots[i].payload;
		batch->headers[i].msg_hdr.msg_iovlen = 1;
		make_receivable(&batch->headers[i]);
	}
	return batch;
}

void
batch_free(struct batch *batch)
{
	free(batch);
}

int
batch_receive(struct batch *batch, int fd, size_t most)
{
	const size_t room = most < BATCH_SIZE ? most : BATCH_SIZE;
	const int count = recvmmsg(fd, batch->headers, (unsigned)room, MSG_DONTWAIT, NULL);

	batch->count = count > 0 ? (size_t)count : 0;
	batch->selected = 0;
	return count;
}

const struct msghdr *
batch_get(const struct batch *batch, size_t index, size_t *size)
{
	*size = batch->headers[index].msg_len;
	return &batch->headers[index].msg_hdr;
}

/* The asked address, where IP_PKTINFO or IPV6_RECVPKTINFO told it; ip(7), ipv6(7). */
struct asked {
	struct cmsghdr *v4, *v6;
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

/* What a struct in_pktinfo or in6_pktinfo is told in, or NULL; its data is aligned as it is. */
static void *
told(struct cmsghdr *in)
{
	return in != NULL ? CMSG_DATA(in) : NULL;
}

/*
 * A datagram that came before IP_PKTINFO was set, as the one that wakes a service does, is
 * told without its interface and the address to answer from.  Where it was sent to 127/8 both
 * are known: the kernel takes such a one from the loopback interface alone.
 */
static void
complete(struct in_pktinfo *early)
{
	if (early == NULL || early->ipi_ifindex != 0 ||
	    ntohl(early->ipi_addr.s_addr) >> 24 != IN_LOOPBACKNET)
		return;
	early->ipi_ifindex = GUARD_LOOPBACK;
	early->ipi_spec_dst = early->ipi_addr;
}

/* Leaves `kept` alone of what was told, or nothing where it is NULL. */
static void
keep_control(struct msghdr *header, struct cmsghdr *kept, size_t size)
{
	header->msg_control = kept;
	header->msg_controllen = kept != NULL ? CMSG_SPACE(size) : 0;
}

/*
 * Makes the reply leave from the address that was asked, by whatever way the
 * routes say.  A link-local address means nothing without its interface.
 */
static void
reply_from_asked(struct msghdr *header, const struct asked *asked)
{
	struct in6_pktinfo *from6;
	struct in_pktinfo *from4;

	if (asked->v4 != NULL) {
		from4 = told(asked->v4);
		from4->ipi_ifindex = 0;
		keep_control(header, asked->v4, sizeof(*from4));
	} else if (asked->v6 != NULL) {
		from6 = told(asked->v6);
		if (!IN6_IS_ADDR_LINKLOCAL(&from6->ipi6_addr))
			from6->ipi6_ifindex = 0;
		keep_control(header, asked->v6, sizeof(*from6));
	} else {
		keep_control(header, NULL, 0);
	}
}

static void
swap(struct mmsghdr *a, struct mmsghdr *b)
{
	const struct mmsghdr was = *a;

	*a = *b;
	*b = was;
}

/* Returns false with the reason in *why. */
static bool
passes(const struct mmsghdr *header, const struct asked *asked, const struct batch_policy *policy,
    enum drop_reason *why)
{
	const struct msghdr *datagram = &header->msg_hdr;
	struct arrival arrival = {
		.told4 = told(asked->v4), .told6 = told(asked->v6), .size = header->msg_len,
		.acl = policy->acl,
	};

	complete(told(asked->v4));
	/* Or not all is known of it that has to be judged. */
	if (datagram->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		*why = DROP_TRUNCATED;
		return false;
	}
	address_from_sockaddr(&arrival.source, datagram->msg_name, datagram->msg_namelen);
	if (!guard_passes(policy->guard, &arrival, policy->now, why))
		return false;
	if (policy->own == NULL || arrival.source.sa.sa_family != AF_INET6 ||
	    own_sources_admit(policy->own, &arrival.source.in6, arrival.told6))
		return true;
	*why = DROP_SOURCE_ADDRESS;
	return false;
}

size_t
batch_select(struct batch *batch, const struct batch_policy *policy, struct batch_tally *tally)
{
	enum drop_reason why;

	batch->selected = 0;
	for (size_t i = 0; i < batch->count; i++) {
		struct mmsghdr *header = &batch->headers[i];
		const struct asked asked = find_asked(&header->msg_hdr);

		tally->received_bytes += header->msg_len;
		if (!passes(header, &asked, policy, &why)) {
			tally->dropped[why]++;
			continue;
		}
		slot_of(header)->payload.iov_len = header->msg_len;
		reply_from_asked(&header->msg_hdr, &asked);
		if (batch->selected < i)
			swap(header, &batch->headers[batch->selected]);
		batch->selected++;
	}
	return batch->selected;
}

/*
 * sendmmsg(2) stops before a datagram that cannot be sent and tells the error when it
 * is asked to begin with it.
 */
static void
send_selected(struct batch *batch, int fd, struct batch_tally *tally)
{
	for (size_t done = 0; done < batch->selected;) {
		const unsigned left = (unsigned)(batch->selected - done);
		const int sent =
		    sendmmsg(fd, &batch->headers[done], left, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent <= 0) {
			tally->dropped[errno == EAGAIN || errno == ENOBUFS ? DROP_FULL : DROP_SEND]++;
			done++;
			continue;
		}
		for (const size_t end = done + (size_t)sent; done < end; done++)
			tally->sent_bytes += slot_of(&batch->headers[done])->payload.iov_len;
		tally->sent += (uint64_t)sent;
	}
}

void
batch_reply(struct batch *batch, int fd, struct batch_tally *tally)
{
	send_selected(batch, fd, tally);
	for (size_t i = 0; i < batch->count; i++)
		make_receivable(&batch->headers[i]);
	batch->count = batch->selected = 0;
}
