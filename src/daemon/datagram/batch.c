/* Datagrams in batches: see batch.h. */
#include "daemon/datagram/batch.h"

#include <errno.h>
#include <stdlib.h>

/* No datagram's payload is longer: its length has 16 bits, of which 8 bytes are a header. */
#define PAYLOAD_SIZE 65536

/*
 * From one payload to the next.  Were it a power of two, the first lines of all of them
 * would meet in the same few places of the CPU's cache.
 */
#define PAYLOAD_STRIDE (PAYLOAD_SIZE + 5 * 64)

/* Sets what the kernel or the reply to another datagram has changed. */
static void
make_receivable(struct mmsghdr *header)
{
	struct batch_slot *slot = (struct batch_slot *)header->msg_hdr.msg_name; /* its first member */

	slot->payload.iov_len = PAYLOAD_SIZE;
	header->msg_hdr.msg_namelen = sizeof(slot->peer);
	header->msg_hdr.msg_control = slot->control;
	header->msg_hdr.msg_controllen = sizeof(slot->control);
}

struct batch *
batch_new(void)
{
	struct batch *batch = calloc(1, sizeof(*batch) + (size_t)BATCH_SIZE * PAYLOAD_STRIDE);

	if (batch == NULL)
		return NULL;
	for (size_t i = 0; i < BATCH_SIZE; i++) {
		batch->slots[i].payload.iov_base = batch->payloads + i * PAYLOAD_STRIDE;
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
	batch->kept = 0;
	batch->kept_bytes = 0;
	return count;
}

const struct msghdr *
batch_get(const struct batch *batch, size_t index, size_t *size)
{
	*size = batch->headers[index].msg_len;
	return &batch->headers[index].msg_hdr;
}

void
batch_move_up(struct batch *batch, size_t index)
{
	const struct mmsghdr was = batch->headers[batch->kept];

	batch->headers[batch->kept] = batch->headers[index];
	batch->headers[index] = was;
}

void
batch_drop(const struct batch *batch, size_t index, enum drop_reason why,
    struct batch_tally *tally)
{
	tally->dropped[why]++;
	drops_note(tally->drops, why, &batch->headers[index].msg_hdr, batch->headers[index].msg_len);
}

/*
 * sendmmsg(2) stops before a datagram that cannot be sent and tells the error when it
 * is asked to begin with it.
 */
static void
send_kept(struct batch *batch, int fd, struct batch_tally *tally)
{
	for (size_t done = 0; done < batch->kept;) {
		const unsigned left = (unsigned)(batch->kept - done);
		const int sent =
		    sendmmsg(fd, &batch->headers[done], left, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent <= 0) {
			batch_drop(batch, done,
			    errno == EAGAIN || errno == ENOBUFS ? DROP_FULL : DROP_SEND, tally);
			batch->kept_bytes -= batch->headers[done].msg_hdr.msg_iov->iov_len;
			done++;
			continue;
		}
		tally->sent += (uint64_t)sent;
		done += (size_t)sent;
	}
	tally->sent_bytes += batch->kept_bytes;
}

void
batch_reply(struct batch *batch, int fd, struct batch_tally *tally)
{
	send_kept(batch, fd, tally);
	for (size_t i = 0; i < batch->count; i++)
		make_receivable(&batch->headers[i]);
	batch->count = batch->kept = 0;
}
