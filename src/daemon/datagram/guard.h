/*
 * Which datagrams get no answer, so that the echo neither loops nor lends itself to a
 * flood: those that can only be forged, those whose answer would meet a service that
 * answers in turn, those that were sent to many hosts, and those beyond a budget.
 *
 * Policy alone: no socket, no clock, no log.  All workers share one guard and ask it
 * without waiting for each other; the control thread sets its rules meanwhile.
 *
 * The budgets.  What a source may still have is one number, the time until which it has
 * paid (the generic cell rate algorithm), in a table of fixed size that nothing is ever
 * added to: GUARD_PLACES numbers, and a keyed hash of the source says which is its
 * own.  Sources that meet in a place share one budget, and nothing tells them apart.
 * That costs:
 *  - of N sources that use their budget up, each halves or worse that of a given other
 *    one with a probability of N / GUARD_PLACES;
 *  - nobody can aim, since the key is random; one who forges sources at random takes from
 *    each place 1 / GUARD_PLACES of what he sends: a million a second takes 16;
 *  - one who forges a given source, which needs no collision, can use that budget up.
 * In return no flood of sources makes it larger or slower.
 */
#ifndef DAEMON_DATAGRAM_GUARD_H
#define DAEMON_DATAGRAM_GUARD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/access/acl.h"
#include "daemon/account/counters.h"
#include "net/address.h"

/* How many budgets of sources there are: 512 KiB of them. */
#define GUARD_PLACES 65536

/* What a budget saves up while it is not used, in nanoseconds of its rate. */
#define GUARD_BURST INT64_C(250000000)

/* The index of the loopback interface in each network namespace (LOOPBACK_IFINDEX). */
#define GUARD_LOOPBACK 1

#define GUARD_PORT_WORDS (65536 / 64)

struct guard;

/* What the control thread decides.  Port 0 is refused in any case: nobody is there. */
struct guard_rules {
	uint64_t refused_ports[GUARD_PORT_WORDS]; /* a bit for each: guard_refuse() */
	size_t max_datagram;                          /* bytes of payload */
	unsigned source_rate;                         /* datagrams a second; 0: no limit */
	unsigned rate;                                /* the same of all sources together */
};

/* What is known of a datagram before it is answered. */
struct arrival {
	struct address source;
	const struct in_pktinfo *told4;  /* as IP_PKTINFO told it; NULL: not IPv4 */
	const struct in6_pktinfo *told6; /* as IPV6_PKTINFO did; not looked at beside told4 */
	size_t size;                     /* bytes of payload */
	const struct acl *acl;           /* who may talk to echod; NULL: everyone */
};

/*
 * Returns a guard that lets nothing pass before guard_set(), or NULL with errno.
 * guard_free() frees it, when nobody asks it any more.
 */
struct guard *guard_new(void);
void guard_free(struct guard *guard);

/* Adds the source ports from `first` to `last`, in host order, to those refused. */
void guard_refuse(struct guard_rules *rules, uint16_t first, uint16_t last);

/*
 * From the control thread, at any time: puts the rules in force.  A port that was and is
 * refused is refused all the time; one datagram may meet new ports and an old rate.
 */
void guard_set(struct guard *guard, const struct guard_rules *rules);

/*
 * From any thread.  Returns true when the datagram may be answered, which uses up the
 * budgets; `now` is in nanoseconds of a clock that does not go back.  Else false, with
 * the reason in *why.
 */
bool guard_passes(struct guard *guard, const struct arrival *arrival, int64_t now,
    enum drop_reason *why);

#endif
