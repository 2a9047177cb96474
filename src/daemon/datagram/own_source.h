/*
 * IPv6 datagrams whose source is an address of this host: one of the host itself is
 * answered, one that only claims to be is not.  Who tells them apart is the filter of the
 * socket (wire_filter.h), where it knows the address; what is here teaches it.
 *
 * A service that has its sockets from others may see none of the host's addresses, so
 * the socket is asked about each source that would get an answer: sendmsg(2) takes
 * only an own address to send from (ipv6(7), IPV6_PKTINFO).  A table of sources that need no
 * further look spares all but the first of a second the call.  A source found to be an own
 * address joins the filter's list.  What has arrived before that cannot be told apart and gets
 * no answer, so the addresses that the process can see join before they are met.
 *
 * The address that was asked needs no list: nothing but the loopback carries it as source.
 *
 * One for each IPv6 socket, which one thread has at a time.
 */
#ifndef DAEMON_DATAGRAM_OWN_SOURCE_H
#define DAEMON_DATAGRAM_OWN_SOURCE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "daemon/datagram/wire_filter.h"

/* How often own_sources_renew() is to be called: ms. */
#define OWN_SOURCES_RENEWAL 1000

#define OWN_SOURCES_PLACES_BITS 8

/* An address in the three steps in which it is compared. */
struct fine_source {
	uint64_t network, host;
	uint32_t scope;
};

struct own_list {
	size_t count;
	struct own_address all[WIRE_FILTER_MOST];
};

/* Its members are own_source.c's own. */
struct own_sources {
	struct fine_source fine[1 << OWN_SOURCES_PLACES_BITS]; /* the table: of this second */
	int fd;
	bool can_ask;         /* the socket tells whether an address is its host's own */
	bool attached;        /* the filter is ours */
	bool base_holds;      /* all that waits at the socket has met a filter... */
	size_t held;          /* ...and the first so many of its list */
	struct own_list list; /* of the filter */
	struct own_list seen; /* in the file that the kernel has of them */
	bool has_met;
	struct own_address met; /* which the list lacks */
};

/*
 * For `fd`, a bound socket.  Gives it the filter, unless somebody has: until
 * own_sources_renew() it is left as it is then.  Returns NULL with errno;
 * own_sources_free() frees it and leaves the filter.
 */
struct own_sources *own_sources_new(int fd);
void own_sources_free(struct own_sources *own);

/*
 * Looks anew at which addresses are this host's: at first, and each second.  Returns as
 * own_sources_settle() does.
 */
bool own_sources_renew(struct own_sources *own);

/*
 * Adds to the filter what own_sources_admit() met.  To be called after a batch in which that
 * was false, and after each one while this is, which it is until no datagram waits at the
 * socket that came before the filter.
 */
bool own_sources_settle(struct own_sources *own);

/* The long way of own_sources_admit(). */
bool own_sources_judge(struct own_sources *own, const struct sockaddr_in6 *source,
    const struct in6_pktinfo *told);

/* Who aims at one place makes the others in it cost a call each, as any new source does. */
static inline struct fine_source *
own_sources_place(struct own_sources *own, uint64_t host)
{
	return &own->fine[host * UINT64_C(0x9e3779b97f4a7c15) >> (64 - OWN_SOURCES_PLACES_BITS)];
}

/*
 * False when the datagram from `source` may have been forged; both are as recvmsg(2) told
 * them, of IPv6 and not v4-mapped.  `told` may be NULL.
 */
static inline bool
own_sources_admit(struct own_sources *own, const struct sockaddr_in6 *source,
    const struct in6_pktinfo *told)
{
	const struct fine_source *place;
	uint64_t network, host;

	memcpy(&network, &source->sin6_addr.s6_addr[0], sizeof(network));
	memcpy(&host, &source->sin6_addr.s6_addr[8], sizeof(host));
	place = own_sources_place(own, host);
	return (place->host == host && place->network == network &&
	        place->scope == source->sin6_scope_id) ||
	    own_sources_judge(own, source, told);
}

#endif
