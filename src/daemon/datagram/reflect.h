/*
 * What becomes of the datagrams of a batch between receiving and sending: who may have an
 * answer (guard.h, own_source.h), and that it leaves from the address that was asked.
 */
#ifndef DAEMON_DATAGRAM_REFLECT_H
#define DAEMON_DATAGRAM_REFLECT_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/datagram/batch.h"
#include "daemon/datagram/guard.h"
#include "daemon/datagram/own_source.h"

/* Who says which datagrams are answered. */
struct reflect_policy {
	struct guard *guard;
	const struct acl *acl;   /* NULL: everyone may */
	struct own_sources *own; /* of the socket; NULL: it is none of IPv6 */
	uint64_t now;            /* nanoseconds */
};

/*
 * Keeps those datagrams of what batch_receive() gave that are to be answered, and counts the
 * others in *tally by their reasons: what was truncated, in its payload or in what the kernel
 * told of it, among them; and the bytes of all.  Returns how many are kept, in order.
 */
size_t reflect_select(struct batch *batch, const struct reflect_policy *policy,
    struct batch_tally *tally);

#endif
