/*
 * What an IPv6 datagram socket takes from which interface: none of this host's own
 * addresses is a source that comes from another host, so that a datagram which has one
 * and did not come over the loopback interface is forged.  For IPv4 the kernel drops those
 * itself (accept_local in ip-sysctl), for IPv6 it does not.
 *
 * A socket filter (socket(7), SO_ATTACH_FILTER), since nobody else sees it: IPV6_PKTINFO
 * names the same interface for a datagram of this host to itself, which travels over the
 * loopback, and for a forged one from the network.
 */
#ifndef DAEMON_DATAGRAM_WIRE_FILTER_H
#define DAEMON_DATAGRAM_WIRE_FILTER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

/* The longest list that the kernel surely has room for at a socket (optmem_max). */
#define WIRE_FILTER_MOST 64

struct own_address {
	struct in6_addr address;
	unsigned interface; /* of a link-local address; 0: of any */
};

/*
 * From here on drops what comes from one of `count` own addresses, WIRE_FILTER_MOST at
 * most, or from the address that it was sent to, but not over the loopback.  Takes the
 * place of the filter that the socket has, if any.  Returns 0, or -1 with errno.
 */
int wire_filter_attach(int fd, const struct own_address *own, size_t count);

/* True when `fd` has such a filter, whatever the list: others may have the socket too. */
bool wire_filter_is_attached(int fd);

#endif
