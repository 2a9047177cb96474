/*
 * Datagrams in batches (recvmmsg(2), sendmmsg(2)): the room for one batch, and how it
 * is received and sent back.  A worker has one, which its datagram sockets share in
 * turn.
 *
 * The headers are made once; between two batches only what the kernel has changed is
 * set anew.  A page that no datagram was long enough to reach takes no memory.
 */
#ifndef DAEMON_DATAGRAM_BATCH_H
#define DAEMON_DATAGRAM_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "daemon/account/counters.h"
#include "daemon/datagram/guard.h"
#include "daemon/datagram/own_source.h"

/* How many datagrams one batch takes at most. */
#define BATCH_SIZE 64

struct batch;

/* What became of the datagrams of a batch. */
struct batch_tally {
	uint64_t received_bytes;
	uint64_t sent;
	uint64_t sent_bytes;
	uint64_t dropped[DROP_REASON_COUNT];
};

/* Returns room for a batch, or NULL with errno.  batch_free() frees it. */
struct batch *batch_new(void);
void batch_free(struct batch *batch);

/*
 * Receives what has arrived at `fd`, at most `most` datagrams.  Returns how many, at
 * least one, or -1 with errno; an error that comes after some is told by the next call
 * for the socket.
 */
int batch_receive(struct batch *batch, int fd, size_t most);

/* Who says which datagrams are answered: see guard.h and own_source.h. */
struct batch_policy {
	struct guard *guard;
	const struct acl *acl;   /* NULL: everyone may */
	struct own_sources *own; /* of the socket; NULL: it is none of IPv6 */
	uint64_t now;            /* nanoseconds */
};

/*
 * Sets aside what was truncated, in its payload or in what the kernel told of it, and what
 * `policy` does not let pass, and counts it in *tally.  Returns how many are left, in order.
 */
size_t batch_select(struct batch *batch, const struct batch_policy *policy,
    struct batch_tally *tally);

/*
 * Sends what batch_select() left back to where it came from, in order, each from the
 * address that was asked, and counts it in *tally.  One that cannot be sent holds up none
 * behind it.
 */
void batch_reply(struct batch *batch, int fd, struct batch_tally *tally);

/*
 * The datagram at `index` of those that were received, or that batch_select() left, until
 * batch_reply(): its peer, and its payload of as many bytes as *size is set to.
 */
const struct msghdr *batch_get(const struct batch *batch, size_t index, size_t *size);

#endif
