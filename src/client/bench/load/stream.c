/*
 * Messages over streams: several are sent at once, where several may be in flight, and what comes
 * back is compared as it comes, wherever its pieces begin and end.
 */
#include <errno.h>

#include "client/bench/load/load_internal.h"
#include "client/timing.h"

/* From this size on messages are not copied to be sent; and how many pieces go at once. */
#define LARGE 4096
#define PIECES 4

/* --- sending ----------------------------------------------------------------------------- */

/* Gathers what is left of the last message, and `allowed` more; returns how many bytes. */
static size_t
gather(const struct link *link, uint64_t allowed)
{
	const struct worker *worker = link->worker;
	size_t size = least(link->out_size - link->out, LOAD_BUFFER), part;
	struct message message;

	if (size > 0) {
		message = link_message(link, link->begun - 1);
		payload_write(worker->payload, &message, link->out, worker->out, size);
	}
	for (uint64_t i = 0; i < allowed && size < LOAD_BUFFER; i++, size += part) {
		message = link_message(link, link->begun + i);
		part = least(message.size, LOAD_BUFFER - size);
		payload_write(worker->payload, &message, 0, worker->out + size, part);
	}
	return size;
}

/* The message that is sent next, if any, and from which of its bytes on. */
static size_t
next_message(const struct link *link, uint64_t allowed, struct message *message)
{
	const bool has_rest = link->out < link->out_size;

	if (!has_rest && allowed == 0)
		return SIZE_MAX;
	*message = link_message(link, has_rest ? link->begun - 1 : link->begun);
	return has_rest ? link->out : 0;
}

/* What is sent is only read, which iovec's type does not say. */
static struct iovec
iovec_of(const struct piece *piece)
{
	const union {
		const unsigned char *data;
		void *base;
	} start = { piece->data };

	return (struct iovec){ start.base, piece->size };
}

/* Sends of a large message what its head and the table have.  Returns as send(2). */
static ssize_t
send_large(const struct link *link, const struct message *message, size_t offset, size_t *size)
{
	const struct payload *payload = link->worker->payload;
	unsigned char head[PAYLOAD_HEAD];
	struct iovec pieces[PIECES];
	size_t count = 0;

	*size = 0;
	if (offset < PAYLOAD_HEAD) {
		payload_write_head(payload, message, head);
		*size = PAYLOAD_HEAD - offset;
		pieces[count++] = (struct iovec){ head + offset, *size };
	}
	for (; count < PIECES && offset + *size < message->size; count++) {
		const struct piece piece = payload_piece(payload, message, offset + *size);

		pieces[count] = iovec_of(&piece);
		*size += piece.size;
	}
	return channel_send_pieces(link->channel, pieces, count);
}

/*
 * Sends what may be sent, as much as goes at once.  *size is how much that is, 0: nothing may;
 * *now is when, then.
 */
static ssize_t
send_some(const struct link *link, size_t *size, int64_t *now)
{
	const uint64_t allowed = link_allowance(link);
	struct message message = { .size = 0 };
	const size_t offset = next_message(link, allowed, &message);

	*size = 0;
	if (offset == SIZE_MAX)
		return 0;
	*now = timing_now();
	if (message.size - offset >= LARGE && channel_takes_pieces(link->channel))
		return send_large(link, &message, offset, size);
	*size = gather(link, allowed);
	return channel_send(link->channel, link->worker->out, *size);
}

/* So many bytes are taken. */
static void
advance(struct link *link, size_t size, int64_t now)
{
	size_t part = least(link->out_size - link->out, size);

	link->out += part;
	for (size -= part; size > 0; size -= part) {
		link_begin(link, now);
		part = link->out = least(link->out_size, size);
	}
}

void
stream_push(struct link *link)
{
	int64_t now;
	size_t size;
	ssize_t n;

	do {
		n = send_some(link, &size, &now);
		if (n > 0)
			advance(link, (size_t)n, now);
	} while (size > 0 && n == (ssize_t)size);
	link_set_blocked(link, size > 0);
}

/* --- receiving --------------------------------------------------------------------------- */

/* The next message has come back as a whole. */
static void
complete(struct link *link, int64_t now)
{
	account_echoed(link->worker, link_flight(link, link->settled), now, link->in_size);
	link->offset += link->in_size;
	link->settled++;
	link->in = 0;
	link->in_size = link_message(link, link->settled).size;
	link_land(link, now);
	if (link->worker->plan->churn)
		link_end(link);
}

/* How many bytes of the next message may have come: none that is not sent yet. */
static size_t
may_have_come(const struct link *link)
{
	if (link->settled == link->begun)
		return 0;
	return link->settled + 1 == link->begun ? link->out : link->in_size;
}

static void
take(struct link *link, const unsigned char *data, size_t size, int64_t now)
{
	while (size > 0) {
		const struct message message = link_message(link, link->settled);
		const size_t most = may_have_come(link) - link->in, part = least(most, size);
		const size_t same = payload_compare(link->worker->payload, &message, link->in, data,
		    part);

		link->in += same;
		if (same < part || most == 0) {
			suspicion_begin(link, data + same, size - same);
			return;
		}
		data += part;
		size -= part;
		if (link->in == link->in_size)
			complete(link, now);
	}
}

void
stream_receive(struct link *link)
{
	struct worker *worker = link->worker;
	const bool stamped = worker->plan->wish->kernel_time;
	int64_t now = 0;
	ssize_t n;

	n = channel_receive(link->channel, worker->in, LOAD_BUFFER, stamped ? &now : NULL);
	if (n == -1) {
		if (errno != EAGAIN)
			link_lose(link, errno);
		return;
	}
	if (!stamped)
		now = timing_now();
	link->heard = now;
	link->has_probed = false;
	if (link->suspicion != NULL)
		suspicion_add(link, worker->in, (size_t)n);
	else
		take(link, worker->in, (size_t)n, now);
	if (link->state == LINK_OPEN)
		stream_push(link);
}
