/* Which datagrams get no answer: see guard.h. */
#include "daemon/datagram/guard.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/gcra.h"
#include "net/source_name.h"

/* What changes with each datagram is apart from what all of them read. */
struct guard {
	uint64_t key[2];
	_Atomic size_t max_datagram;
	_Atomic int64_t source_cost, cost; /* nanoseconds that a datagram pays; 0: no limit */
	_Atomic uint64_t refused_ports[GUARD_PORT_WORDS];
	_Atomic int64_t sources_paid[GUARD_PLACES]; /* until when, in nanoseconds */
	_Atomic int64_t all_paid;
};

/* --- the rules --------------------------------------------------------------------- */

struct guard *
guard_new(void)
{
	struct guard *guard = calloc(1, sizeof(*guard));

	if (guard == NULL)
		return NULL;
	if (getrandom(guard->key, sizeof(guard->key), 0) != (ssize_t)sizeof(guard->key)) {
		free(guard);
		return NULL;
	}
	for (size_t i = 0; i < GUARD_PORT_WORDS; i++)
		atomic_store_explicit(&guard->refused_ports[i], UINT64_MAX, memory_order_relaxed);
	return guard;
}

void
guard_free(struct guard *guard)
{
	free(guard);
}

void
guard_refuse(struct guard_rules *rules, uint16_t first, uint16_t last)
{
	for (unsigned port = first; port <= last; port++)
		rules->refused_ports[port / 64] |= UINT64_C(1) << port % 64;
}

void
guard_set(struct guard *guard, const struct guard_rules *rules)
{
	for (size_t i = 0; i < GUARD_PORT_WORDS; i++)
		atomic_store_explicit(&guard->refused_ports[i],
		    rules->refused_ports[i] | (i == 0 ? 1 : 0), memory_order_relaxed);
	atomic_store_explicit(&guard->max_datagram, rules->max_datagram, memory_order_relaxed);
	atomic_store_explicit(&guard->source_cost, gcra_cost(rules->source_rate),
	    memory_order_relaxed);
	atomic_store_explicit(&guard->cost, gcra_cost(rules->rate), memory_order_relaxed);
}

/* --- where it comes from, and where it was sent --------------------------------------- */

static bool
refuses_port(const struct guard *guard, uint16_t port)
{
	const uint64_t word =
	    atomic_load_explicit(&guard->refused_ports[port / 64], memory_order_relaxed);

	return (word >> port % 64 & 1) != 0;
}

static bool
came_over_loopback(const struct arrival *arrival)
{
	if (arrival->told4 != NULL)
		return arrival->told4->ipi_ifindex == GUARD_LOOPBACK;
	return arrival->told6 != NULL && arrival->told6->ipi6_ifindex == GUARD_LOOPBACK;
}

/* A v4-mapped address in an IPv6 header: what came by IPv4 was asked at an IPv4 address. */
static bool
was_mapped_by_sender(const struct arrival *arrival)
{
	return arrival->told4 == NULL && arrival->told6 != NULL &&
	    !IN6_IS_ADDR_V4MAPPED(&arrival->told6->ipi6_addr);
}

/* RFC 6890 has the list; addresses that are private or for documentation have hosts too. */
static bool
can_be_host4(const struct arrival *arrival)
{
	const unsigned net = ntohl(arrival->source.in4.sin_addr.s_addr) >> 24;

	if (was_mapped_by_sender(arrival))
		return false;
	if (net == 127)
		return came_over_loopback(arrival);
	return net > 0 && net < 224; /* multicast, reserved, and broadcast from there on */
}

static bool
can_be_host6(const struct arrival *arrival)
{
	const struct in6_addr *source = &arrival->source.in6.sin6_addr;

	if (IN6_IS_ADDR_LOOPBACK(source))
		return came_over_loopback(arrival);
	return !IN6_IS_ADDR_UNSPECIFIED(source) && !IN6_IS_ADDR_MULTICAST(source);
}

static bool
can_be_host(const struct arrival *arrival)
{
	switch (arrival->source.sa.sa_family) {
	case AF_INET:
		return can_be_host4(arrival);
	case AF_INET6:
		return can_be_host6(arrival);
	default:
		return false;
	}
}

/* Sent to a broadcast address, the one to answer from is another one: ip(7), ipi_spec_dst. */
static bool
was_sent_to_many(const struct arrival *arrival)
{
	if (arrival->told4 != NULL)
		return arrival->told4->ipi_addr.s_addr != arrival->told4->ipi_spec_dst.s_addr;
	return arrival->told6 != NULL && IN6_IS_ADDR_MULTICAST(&arrival->told6->ipi6_addr);
}

/* --- budgets --------------------------------------------------------------------------- */

/* Takes `cost` from the budget that is paid until *paid, or nothing where it has not so much. */
static bool
spend(_Atomic int64_t *paid, int64_t cost, int64_t now)
{
	int64_t until = atomic_load_explicit(paid, memory_order_relaxed);

	do {
		if (!gcra_allows(until, cost, GUARD_BURST, now))
			return false;
	} while (!atomic_compare_exchange_weak_explicit(paid, &until, gcra_pay(until, cost, now),
	    memory_order_relaxed, memory_order_relaxed));
	return true;
}

static bool
spend_of_source(struct guard *guard, const struct address *source, int64_t now)
{
	const int64_t cost = atomic_load_explicit(&guard->source_cost, memory_order_relaxed);
	uint64_t hash;

	if (cost == 0)
		return true;
	hash = source_name_hash(guard->key, source_name(source));
	return spend(&guard->sources_paid[hash % GUARD_PLACES], cost, now);
}

static bool
spend_of_all(struct guard *guard, int64_t now)
{
	const int64_t cost = atomic_load_explicit(&guard->cost, memory_order_relaxed);

	return cost == 0 || spend(&guard->all_paid, cost, now);
}

/* A source's budget comes first, so that one source cannot use up that of all. */
bool
guard_passes(struct guard *guard, const struct arrival *arrival, int64_t now,
    enum drop_reason *why)
{
	if (arrival->size > atomic_load_explicit(&guard->max_datagram, memory_order_relaxed))
		*why = DROP_SIZE;
	else if (refuses_port(guard, address_port(&arrival->source)))
		*why = DROP_SOURCE_PORT;
	else if (!can_be_host(arrival))
		*why = DROP_SOURCE_ADDRESS;
	else if (arrival->acl != NULL && !acl_allows(arrival->acl, &arrival->source))
		*why = DROP_DENIED;
	else if (was_sent_to_many(arrival))
		*why = DROP_DESTINATION;
	else if (!spend_of_source(guard, &arrival->source, now))
		*why = DROP_SOURCE_RATE;
	else if (!spend_of_all(guard, now))
		*why = DROP_RATE;
	else
		return true;
	return false;
}
