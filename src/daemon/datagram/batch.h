/*
 * Datagrams in batches (recvmmsg(2), sendmmsg(2)): the room for one batch, how it is received,
 * and how what is kept of it is sent back.  Which of it that is others say: reflect.h.  A worker
 * has one, which its datagram sockets share in turn.
 *
 * The headers are made once; between two batches only what the kernel has changed is
 * set anew.  A page that no datagram was long enough to reach takes no memory.
 */
#ifndef DAEMON_DATAGRAM_BATCH_H
#define DAEMON_DATAGRAM_BATCH_H

#include <netinet/in.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

#include "daemon/datagram/drops.h"

/* How many datagrams one batch takes at most. */
#define BATCH_SIZE 64

/*
 * A dual-stack socket tells the address that was asked in both ways: see listen/sockets.c.
 * One that a service manager made may tell the time before that (Timestamping= of
 * systemd.socket(5)).
 */
#define BATCH_CONTROL_SIZE                                                                 \
	(CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo)) +  \
	    CMSG_SPACE(sizeof(struct timespec)))

/* What a header points to besides the payload. */
struct batch_slot {
	struct sockaddr_in6 peer; /* of either family: in6 is the larger */
	struct iovec payload;
	alignas(struct cmsghdr) unsigned char control[BATCH_CONTROL_SIZE];
};

/* What there is of it is read by anybody, and changed by the functions below alone. */
struct batch {
	size_t count;        /* received, and not replied to yet */
	size_t kept;         /* the first so many of them are to be sent back */
	uint64_t kept_bytes; /* of payload */
	/* In the order in which they are sent, which need not be that of the slots. */
	struct mmsghdr headers[BATCH_SIZE];
	struct batch_slot slots[BATCH_SIZE];
	unsigned char payloads[]; /* of batch.c alone */
};

/* What became of the datagrams of a batch. */
struct batch_tally {
	struct drops *drops; /* where those without an answer are noted, besides */
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
 * for the socket.  None is kept yet.
 */
int batch_receive(struct batch *batch, int fd, size_t most);

/* The long way of batch_keep(): others before it were not kept. */
void batch_move_up(struct batch *batch, size_t index);

/*
 * The datagram at `index`, which must be behind all that were kept before, is to be sent back
 * as its header says by now.
 */
static inline void
batch_keep(struct batch *batch, size_t index)
{
	struct mmsghdr *header = &batch->headers[index];

	header->msg_hdr.msg_iov->iov_len = header->msg_len;
	batch->kept_bytes += header->msg_len;
	if (batch->kept < index)
		batch_move_up(batch, index);
	batch->kept++;
}

/* The datagram at `index` gets no answer. */
void batch_drop(const struct batch *batch, size_t index, enum drop_reason why,
    struct batch_tally *tally);

/*
 * Sends what was kept back to where it came from, in order, and counts it in *tally.  One
 * that cannot be sent holds up none behind it.
 */
void batch_reply(struct batch *batch, int fd, struct batch_tally *tally);

/*
 * The datagram at `index` of those that were received, or kept, until batch_reply(): its
 * peer, and its payload of as many bytes as *size is set to.
 */
const struct msghdr *batch_get(const struct batch *batch, size_t index, size_t *size);

#endif
