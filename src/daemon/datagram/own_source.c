/* Sources that are this host's own: see own_source.h. */
#include "daemon/datagram/own_source.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"

/* The addresses that the process can see; of its own network, which may be another one. */
#define ADDRESSES_FILE "/proc/self/net/if_inet6"

/* Only route and checks, but nothing sent: not in libc's headers, which name it MSG_PROXY. */
#define PROBE 0x10

/* --- addresses ------------------------------------------------------------------------ */

static bool
holds(const struct own_list *list, const struct own_address *own, size_t *place)
{
	for (*place = 0; *place < list->count; ++*place)
		if (list->all[*place].interface == own->interface &&
		    IN6_ARE_ADDR_EQUAL(&list->all[*place].address, &own->address))
			return true;
	return false;
}

static void
add(struct own_list *list, const struct own_address *own)
{
	size_t place;

	if (list->count < WIRE_FILTER_MOST && !holds(list, own, &place))
		list->all[list->count++] = *own;
}

/*
 * Whether the host of the socket has the address: one to send from must be its own.  Nothing
 * is sent, so that any other error than that of the address comes behind that check.
 */
static bool
ask(int fd, const struct own_address *own)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control = { .header = {
		.cmsg_len = CMSG_LEN(sizeof(struct in6_pktinfo)),
		.cmsg_level = IPPROTO_IPV6,
		.cmsg_type = IPV6_PKTINFO,
	} };
	const struct in6_pktinfo from = { own->address, own->interface };
	struct sockaddr_in6 to = {
		.sin6_family = AF_INET6, .sin6_port = htons(9), .sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	const struct msghdr nothing = {
		.msg_name = &to, .msg_namelen = sizeof(to),
		.msg_control = &control, .msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.header), &from, sizeof(from));
	return sendmsg(fd, &nothing, PROBE | MSG_DONTWAIT | MSG_NOSIGNAL) != -1 ||
	    (errno != EINVAL && errno != ENODEV);
}

/*
 * Where net.ipv6.ip_nonlocal_bind or IPV6_FREEBIND lets it send from any address, even from
 * one that nobody can have.
 */
static bool
can_ask(int fd)
{
	static const struct own_address nobody = { .address.s6_addr = { 0xff, 0x0e } };

	return !ask(fd, &nobody);
}

static bool
is_own(const struct own_sources *own, const struct own_address *address)
{
	size_t place;

	return own->can_ask ? ask(own->fd, address) : holds(&own->seen, address, &place);
}

/* A row of the file begins with the 32 digits of the address. */
static bool
parse_row(const char *row, struct own_address *own)
{
	uint32_t words[4];

	if (sscanf(row, "%8" SCNx32 "%8" SCNx32 "%8" SCNx32 "%8" SCNx32, &words[0], &words[1],
	    &words[2], &words[3]) != 4)
		return false;
	for (size_t i = 0; i < 4; i++)
		words[i] = htonl(words[i]);
	memcpy(&own->address, words, sizeof(own->address));
	own->interface = 0;
	return true;
}

/*
 * Without link-local addresses, of which a host may have more than the list has room for: one
 * of them is not a source of datagrams to another one unless it is chosen to be.
 */
static void
look(struct own_list *seen)
{
	FILE *const file = fopen(ADDRESSES_FILE, "re");
	struct own_address own;
	char row[128];

	if (file == NULL)
		return; /* for want of a descriptor: what was seen before is better than nothing */
	seen->count = 0;
	while (fgets(row, sizeof(row), file) != NULL)
		if (parse_row(row, &own) && !IN6_IS_ADDR_LINKLOCAL(&own.address))
			add(seen, &own);
	fclose(file);
}

/* --- the filter ------------------------------------------------------------------------ */

/* What comes from now on has met the filter; so has all, where nothing waits. */
static bool
settle(struct own_sources *own)
{
	struct pollfd waiting = { .fd = own->fd, .events = POLLIN };

	if (!own->attached)
		return false;
	if (own->base_holds && own->held == own->list.count)
		return true;
	if (poll(&waiting, 1, 0) != 0)
		return false;
	own->base_holds = true;
	own->held = own->list.count;
	return true;
}

/* Where that fails a former filter stays, and is relied on for its base alone. */
static void
attach(struct own_sources *own)
{
	own->attached = wire_filter_attach(own->fd, own->list.all, own->list.count) == 0;
	if (own->attached)
		return;
	log_error_limited("cannot filter datagrams from own addresses: %s", strerror(errno));
	own->list.count = own->held = 0;
}

/* Returns true when the list has changed. */
static bool
forget_former(struct own_sources *own)
{
	const size_t before = own->list.count;
	size_t kept = 0, held = 0;

	for (size_t i = 0; i < before; i++) {
		if (!is_own(own, &own->list.all[i]))
			continue;
		held += i < own->held;
		own->list.all[kept++] = own->list.all[i];
	}
	own->list.count = kept;
	own->held = held;
	return kept != before;
}

static bool
add_seen(struct own_sources *own)
{
	const size_t before = own->list.count;

	for (size_t i = 0; i < own->seen.count; i++)
		if (is_own(own, &own->seen.all[i]))
			add(&own->list, &own->seen.all[i]);
	return own->list.count != before;
}

bool
own_sources_renew(struct own_sources *own)
{
	bool changed;

	memset(own->fine, 0, sizeof(own->fine));
	own->can_ask = can_ask(own->fd);
	look(&own->seen);
	changed = forget_former(own);
	changed = add_seen(own) || changed;
	if (changed || !own->attached)
		attach(own);
	return settle(own);
}

bool
own_sources_settle(struct own_sources *own)
{
	const size_t before = own->list.count;

	if (own->has_met)
		add(&own->list, &own->met);
	own->has_met = false;
	if (own->list.count != before)
		attach(own);
	return settle(own);
}

struct own_sources *
own_sources_new(int fd)
{
	struct own_sources *own = calloc(1, sizeof(*own));

	if (own == NULL)
		return NULL;
	own->fd = fd;
	own->base_holds = wire_filter_is_attached(fd);
	if (!own->base_holds)
		own_sources_renew(own);
	return own;
}

void
own_sources_free(struct own_sources *own)
{
	free(own);
}

/* --- datagrams --------------------------------------------------------------------------- */

static void
remember(struct own_sources *own, const struct sockaddr_in6 *source)
{
	struct fine_source fine = { .scope = source->sin6_scope_id };

	memcpy(&fine.network, &source->sin6_addr.s6_addr[0], sizeof(fine.network));
	memcpy(&fine.host, &source->sin6_addr.s6_addr[8], sizeof(fine.host));
	*own_sources_place(own, fine.host) = fine;
}

/* Whether nobody can forge it: it is not of this host, or the filter has its address. */
static bool
is_fine(struct own_sources *own, const struct own_address *source)
{
	size_t place;

	/* RFC 4291, 2.5.3: the kernel takes that one from the loopback interface alone. */
	if (IN6_IS_ADDR_LOOPBACK(&source->address) || !is_own(own, source))
		return true;
	if (holds(&own->list, source, &place))
		return place < own->held;
	own->met = *source;
	own->has_met = true;
	return false;
}

bool
own_sources_judge(struct own_sources *own, const struct sockaddr_in6 *source,
    const struct in6_pktinfo *told)
{
	const struct own_address address = { source->sin6_addr, source->sin6_scope_id };

	if (is_fine(own, &address)) {
		remember(own, source);
		return true;
	}
	return own->base_holds && told != NULL &&
	    IN6_ARE_ADDR_EQUAL(&told->ipi6_addr, &source->sin6_addr);
}
