/*
 * The datagram workload: a number of datagrams in flight over several sockets.  Each
 * says in its first bytes which one it is, so that one that comes late, or twice, is
 * not taken for another.  One that does not come in time is lost, and replaced.  It
 * moves a batch with each system call, so that it is faster than what it measures.
 */
#define LOST_AFTER UINT64_C(200000000) /* ns */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "load.h"

#define BATCH 32
#define DATAGRAM_MAX 65507
#define RECEIVE_BUFFER (4 * 1024 * 1024)

/* What a datagram begins with. */
struct tag {
	uint32_t slot, number;
};

struct slot {
	uint32_t number;
	bool flying;
	uint64_t begun;
};

struct link {
	struct source source;
	int fd;
};

static struct link *links;
static struct slot *slots;

/* What is to be sent on one link, gathered. */
static struct {
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH][2];
	struct tag tags[BATCH];
	unsigned int count;
} batch;

static unsigned char received[BATCH][DATAGRAM_MAX + 1];

static int
link_of(uint32_t slot)
{
	return links[slot % (uint32_t)options.connections].fd;
}

/* What the socket does not take is lost as if the network had dropped it. */
static void
send_batch(int fd)
{
	if (batch.count > 0 && sendmmsg(fd, batch.messages, batch.count, 0) == -1 &&
	    errno != EAGAIN && errno != ENOBUFS)
		load_die("sendmmsg");
	batch.count = 0;
}

static void
put(uint32_t id, uint64_t now)
{
	struct slot *slot = &slots[id];
	const unsigned int i = batch.count;

	if (!load_may_begin())
		return;
	slot->flying = true;
	slot->begun = now;
	slot->number++;
	batch.tags[i] = (struct tag){ id, slot->number };
	batch.parts[i][0] = (struct iovec){ &batch.tags[i], sizeof(struct tag) };
	batch.parts[i][1] = (struct iovec){
		(void *)(uintptr_t)load_message(id, slot->number),
		options.size - sizeof(struct tag),
	};
	batch.messages[i].msg_hdr =
	    (struct msghdr){ .msg_iov = batch.parts[i], .msg_iovlen = 2 };
	if (++batch.count == BATCH)
		send_batch(link_of(id));
}

static void
take(const unsigned char *data, size_t size, uint64_t now)
{
	struct tag tag;
	struct slot *slot;

	errno = 0;
	memcpy(&tag, data, sizeof(tag));
	if (size != options.size || tag.slot >= (uint32_t)options.flying)
		load_die("a datagram came back with another length");
	if (memcmp(data + sizeof(tag), load_message(tag.slot, tag.number), size - sizeof(tag)) != 0)
		load_die("a datagram came back with another content");
	slot = &slots[tag.slot];
	if (!slot->flying || slot->number != tag.number) {
		load_late();
		return;
	}
	slot->flying = false;
	load_done(slot->begun, now, size);
	put(tag.slot, now);
}

static int
receive_batch(int fd, struct mmsghdr *messages)
{
	struct iovec parts[BATCH];
	int n;

	for (int i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ received[i], sizeof(received[i]) };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
	}
	n = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
	if (n == -1 && errno != EAGAIN)
		load_die("recvmmsg");
	return n;
}

static void
on_ready(struct source *source, uint32_t events)
{
	struct link *link = (struct link *)source;
	struct mmsghdr messages[BATCH];
	const int n = receive_batch(link->fd, messages);
	const uint64_t now = load_now();

	(void)events;
	for (int i = 0; i < n; i++)
		take(received[i], messages[i].msg_len, now);
	send_batch(link->fd);
}

/* Gives up what has not come in time. */
static void
look_for_lost(void)
{
	const uint64_t now = load_now();

	for (uint32_t i = 0; i < (uint32_t)options.flying; i++) {
		if (!slots[i].flying || now - slots[i].begun < LOST_AFTER)
			continue;
		slots[i].flying = false;
		load_lost();
		put(i, now);
		send_batch(link_of(i));
	}
}

static void
open_all(void)
{
	const int buffer = RECEIVE_BUFFER;

	errno = EINVAL;
	if (options.size < sizeof(struct tag) || options.size > DATAGRAM_MAX || options.flying < 1)
		load_die("the size or number of datagrams");
	links = calloc((size_t)options.connections, sizeof(*links));
	slots = calloc((size_t)options.flying, sizeof(*slots));
	if (links == NULL || slots == NULL)
		load_die("calloc");
	for (int i = 0; i < options.connections; i++) {
		links[i].source.ready = on_ready;
		links[i].fd = load_connect(SOCK_DGRAM | SOCK_NONBLOCK, (unsigned int)i);
		if (links[i].fd == -1)
			load_die("connect");
		setsockopt(links[i].fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
		load_watch(links[i].fd, &links[i].source, EPOLL_CTL_ADD, EPOLLIN);
	}
}

static void
begin(void)
{
	const uint64_t now = load_now();

	for (uint32_t i = 0; i < (uint32_t)options.flying; i++) {
		put(i, now);
		send_batch(link_of(i));
	}
}

const struct workload load_datagram = { open_all, begin, look_for_lost };
