/* Which datagrams are answered, and from where: see reflect.h. */
#include "daemon/datagram/reflect.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "net/address.h"

/* What IP_PKTINFO takes: where all that was told is so long, nothing stands beside it. */
#define PKTINFO_ALONE CMSG_SPACE(sizeof(struct in_pktinfo))

/* The asked address, where IP_PKTINFO or IPV6_RECVPKTINFO told it; ip(7), ipv6(7). */
struct asked {
	struct in_pktinfo *v4;
	struct in6_pktinfo *v6;
};

/* Control messages are aligned as their data is. */
static struct asked
find_asked(struct msghdr *header)
{
	struct asked asked = { NULL, NULL };

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			asked.v4 = (void *)CMSG_DATA(c);
		else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			asked.v6 = (void *)CMSG_DATA(c);
		if (header->msg_controllen == PKTINFO_ALONE)
			break;
	}
	return asked;
}

/*
 * A datagram that came before IP_PKTINFO was set, as the one that wakes a service does, is
 * told without its interface and the address to answer from.  Where it was sent to 127/8 both
 * are known: the kernel takes such a one from the loopback interface alone.
 */
static void
complete(struct in_pktinfo *early)
{
	if (early->ipi_ifindex != 0 || ntohl(early->ipi_addr.s_addr) >> 24 != IN_LOOPBACKNET)
		return;
	early->ipi_ifindex = GUARD_LOOPBACK;
	early->ipi_spec_dst = early->ipi_addr;
}

/* Leaves of what was told the message alone that has `size` bytes of `data`. */
static void
keep_control(struct msghdr *header, void *data, size_t size)
{
	header->msg_control = (char *)data - CMSG_LEN(0);
	header->msg_controllen = CMSG_SPACE(size);
}

/*
 * Makes the reply leave from the address that was asked, by whatever way the
 * routes say.  A link-local address means nothing without its interface.
 */
static void
reply_from_asked(struct msghdr *header, const struct asked *asked)
{
	if (asked->v4 != NULL) {
		asked->v4->ipi_ifindex = 0;
		keep_control(header, asked->v4, sizeof(*asked->v4));
	} else if (asked->v6 != NULL) {
		if (!IN6_IS_ADDR_LINKLOCAL(&asked->v6->ipi6_addr))
			asked->v6->ipi6_ifindex = 0;
		keep_control(header, asked->v6, sizeof(*asked->v6));
	} else {
		header->msg_controllen = 0;
	}
}

/* Returns false with the reason in *why. */
static bool
passes(const struct mmsghdr *header, const struct asked *asked,
    const struct reflect_policy *policy, enum drop_reason *why)
{
	const struct msghdr *datagram = &header->msg_hdr;
	struct arrival arrival;

	/* Or not all is known of it that has to be judged. */
	if (datagram->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		*why = DROP_TRUNCATED;
		return false;
	}
	if (asked->v4 != NULL)
		complete(asked->v4);
	address_from_sockaddr(&arrival.source, datagram->msg_name, datagram->msg_namelen);
	arrival.told4 = asked->v4;
	arrival.told6 = asked->v6;
	arrival.size = header->msg_len;
	arrival.acl = policy->acl;
	if (!guard_passes(policy->guard, &arrival, policy->now, why))
		return false;
	if (policy->own == NULL || arrival.source.sa.sa_family != AF_INET6 ||
	    own_sources_admit(policy->own, &arrival.source.in6, arrival.told6))
		return true;
	*why = DROP_SOURCE_ADDRESS;
	return false;
}

size_t
reflect_select(struct batch *batch, const struct reflect_policy *policy,
    struct batch_tally *tally)
{
	enum drop_reason why;

	for (size_t i = 0; i < batch->count; i++) {
		struct mmsghdr *header = &batch->headers[i];
		const struct asked asked = find_asked(&header->msg_hdr);

		tally->received_bytes += header->msg_len;
		if (passes(header, &asked, policy, &why)) {
			reply_from_asked(&header->msg_hdr, &asked);
			batch_keep(batch, i);
		} else {
			batch_drop(batch, i, why, tally);
		}
	}
	return batch->kept;
}
