/*
 * A batch of datagrams, with the control messages that a kernel may tell with them, and a
 * socket that takes the answers or does not.  Those are answered of which the guard says so by
 * what the kernel told, none where it could not tell all: each once, in order, to where it came
 * from, as long as it was, from the address that was asked.  Each is counted once, and each
 * without an answer is noted under its reason.
 *
 * The kernel is below: recvmmsg(2) and sendmmsg(2) stand before libc's.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "daemon/datagram/reflect.h"
#include "fuzz.h"

#define HOUR INT64_C(3600000000000)
#define OTHER_SIZE 64

/* What a dual-stack socket always tells. */
#define TOLD_SIZE \
	(CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo)))

/* A datagram as the kernel has it. */
struct datagram {
	struct sockaddr_in6 peer; /* of any family */
	socklen_t peer_length;
	size_t size;
	int flags;
	bool has4, has6;
	struct in_pktinfo told4;
	struct in6_pktinfo told6;
	const void *payload; /* by which an answer is known again */
	bool right;          /* it is to be answered, if the budgets allow it */
};

static struct input input;
static struct datagram datagrams[BATCH_SIZE];
static size_t count;
static size_t next; /* the first that may be sent: those before were, or are passed over */
static uint64_t taken, taken_bytes, refused;

static struct batch *batch;
static struct guard *guard, *judge; /* with the budgets, and without */
static bool budgets;
static struct drops drops; /* of the datagrams without an answer, as the log has them */

/* --- what the kernel tells ------------------------------------------------------------ */

static void
take_address(uint8_t *address, size_t size)
{
	static const struct {
		uint8_t bytes[16];
	} known[] = {
		{ { 127, 0, 0, 1 } }, { { 192, 0, 2, 1 } }, { { 255, 255, 255, 255 } },
		{ { 224, 1 } }, { { 0 } }, { { [15] = 1 } }, { { 0xfe, 0x80, [15] = 1 } },
		{ { 0xff, 0x02, [15] = 1 } },
		{ { [10] = 0xff, 0xff, 192, 0, 2, 1 } }, { { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } },
	};
	const unsigned which = input_byte(&input);

	if (which < sizeof(known) / sizeof(known[0]))
		memcpy(address, known[which].bytes, size);
	else
		input_bytes(&input, address, size);
}

static void
take_peer(struct datagram *datagram)
{
	const unsigned kind = input_byte(&input) % 3;
	struct sockaddr_in *in4 = (struct sockaddr_in *)&datagram->peer;

	if (kind == 2) { /* no UDP socket has such a peer, but a descriptor may be any */
		datagram->peer_length = input_byte(&input) % (sizeof(datagram->peer) + 1);
		input_bytes(&input, &datagram->peer, datagram->peer_length);
		return;
	}
	datagram->peer.sin6_family = kind == 0 ? AF_INET : AF_INET6;
	datagram->peer.sin6_port = htons((uint16_t)input_short(&input));
	datagram->peer_length = kind == 0 ? sizeof(*in4) : sizeof(datagram->peer);
	if (kind == 0) {
		take_address((uint8_t *)&in4->sin_addr, sizeof(in4->sin_addr));
		return;
	}
	take_address((uint8_t *)&datagram->peer.sin6_addr, sizeof(datagram->peer.sin6_addr));
	datagram->peer.sin6_scope_id = input_byte(&input);
}

/* As put_cmsg() of the kernel does it, which cuts what has no room. */
static void
put(struct msghdr *header, unsigned char **at, size_t *room, int level, int type, const void *data,
    size_t size)
{
	struct cmsghdr cmsg = {
		.cmsg_len = CMSG_LEN(size), .cmsg_level = level, .cmsg_type = type,
	};
	size_t used = CMSG_SPACE(size);

	if (*room < CMSG_LEN(size))
		header->msg_flags |= MSG_CTRUNC;
	if (*room < sizeof(cmsg))
		return;
	if (*room < cmsg.cmsg_len)
		cmsg.cmsg_len = *room;
	if (*room < used)
		used = *room;
	memcpy(*at, &cmsg, sizeof(cmsg));
	memcpy(*at + sizeof(cmsg), data, cmsg.cmsg_len - sizeof(cmsg));
	*at += used;
	*room -= used;
}

/* One that is not about the address: a time, a TTL, whatever somebody switched on. */
static void
put_other(struct msghdr *header, unsigned char **at, size_t *room)
{
	static const int levels[] = { SOL_SOCKET, IPPROTO_IP, IPPROTO_IPV6 };
	const int level = levels[input_byte(&input) % 3];
	const int type = (int)input_byte(&input);
	unsigned char data[OTHER_SIZE];

	if ((level == IPPROTO_IP && type == IP_PKTINFO) ||
	    (level == IPPROTO_IPV6 && type == IPV6_PKTINFO))
		return;
	input_bytes(&input, data, sizeof(data) / 4);
	put(header, at, room, level, type, data, input_byte(&input) % sizeof(data));
}

static void
put_told4(struct datagram *datagram, struct msghdr *header, unsigned char **at, size_t *room)
{
	struct in_pktinfo *told = &datagram->told4;

	datagram->has4 = true;
	told->ipi_ifindex = (int)input_byte(&input) % 3;
	take_address((uint8_t *)&told->ipi_addr, sizeof(told->ipi_addr));
	told->ipi_spec_dst = told->ipi_addr;
	if (input_byte(&input) % 2 == 1)
		take_address((uint8_t *)&told->ipi_spec_dst, sizeof(told->ipi_spec_dst));
	put(header, at, room, IPPROTO_IP, IP_PKTINFO, told, sizeof(*told));
}

static void
put_told6(struct datagram *datagram, struct msghdr *header, unsigned char **at, size_t *room)
{
	struct in6_pktinfo *told = &datagram->told6;

	datagram->has6 = true;
	told->ipi6_ifindex = input_byte(&input) % 3;
	take_address((uint8_t *)&told->ipi6_addr, sizeof(told->ipi6_addr));
	put(header, at, room, IPPROTO_IPV6, IPV6_PKTINFO, told, sizeof(*told));
}

/* Each address is told once at most. */
static void
put_control(struct datagram *datagram, struct msghdr *header)
{
	unsigned char *at = header->msg_control;
	size_t room = header->msg_controllen;

	fuzz_assert(room >= TOLD_SIZE);
	memset(at, 0xa5, room); /* what the kernel leaves says nothing */
	for (unsigned left = input_byte(&input) % 5; left > 0; left--) {
		const unsigned kind = input_byte(&input) % 3;

		if (kind == 0 && !datagram->has4)
			put_told4(datagram, header, &at, &room);
		else if (kind == 1 && !datagram->has6)
			put_told6(datagram, header, &at, &room);
		else
			put_other(header, &at, &room);
	}
	header->msg_controllen -= room;
}

static void
arrive(struct datagram *datagram, struct mmsghdr *mmsg)
{
	struct msghdr *header = &mmsg->msg_hdr;
	unsigned char *payload = header->msg_iov->iov_base;

	*datagram = (struct datagram){ .payload = payload };
	take_peer(datagram);
	datagram->size = input_short(&input);
	fuzz_assert(header->msg_iovlen == 1 && header->msg_iov->iov_len > UINT16_MAX);
	fuzz_assert(header->msg_namelen >= datagram->peer_length);
	memcpy(header->msg_name, &datagram->peer, datagram->peer_length);
	header->msg_namelen = datagram->peer_length;
	header->msg_flags = input_byte(&input) % 8 == 7 ? MSG_TRUNC : 0;
	memset(payload, 'x', datagram->size < 16 ? datagram->size : 16);
	put_control(datagram, header);
	mmsg->msg_len = (unsigned)datagram->size;
	datagram->flags = header->msg_flags;
}

int
recvmmsg(int fd, struct mmsghdr *headers, unsigned most, int flags, struct timespec *timeout)
{
	const unsigned waiting = 1 + input_byte(&input) % most;

	fuzz_assert(fd == -1 && (flags & MSG_DONTWAIT) != 0 && timeout == NULL);
	for (count = 0; count < waiting && (input.left > 0 || count == 0); count++)
		arrive(&datagrams[count], &headers[count]);
	return (int)count;
}

/* --- what is right ---------------------------------------------------------------------- */

/* One that came before it was asked for: reflect.c says what is known of it all the same. */
static void
complete(struct in_pktinfo *told)
{
	if (told->ipi_ifindex != 0 || ntohl(told->ipi_addr.s_addr) >> 24 != IN_LOOPBACKNET)
		return;
	told->ipi_ifindex = GUARD_LOOPBACK;
	told->ipi_spec_dst = told->ipi_addr;
}

static void
decide(struct datagram *datagram, const struct acl *acl, int64_t now)
{
	struct arrival arrival = { .size = datagram->size, .acl = acl };
	enum drop_reason why;

	complete(&datagram->told4);
	arrival.told4 = datagram->has4 ? &datagram->told4 : NULL;
	arrival.told6 = datagram->has6 ? &datagram->told6 : NULL;
	address_from_sockaddr(&arrival.source, (const struct sockaddr *)&datagram->peer,
	    datagram->peer_length);
	datagram->right = (datagram->flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
	    guard_passes(judge, &arrival, now, &why);
}

/* --- what is answered ----------------------------------------------------------------- */

/* The message at hand is alone, and whole. */
static const void *
data_of(struct msghdr *header, int level, int type, size_t size)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(header);

	fuzz_assert(cmsg != NULL && cmsg->cmsg_level == level && cmsg->cmsg_type == type);
	fuzz_assert(cmsg->cmsg_len == CMSG_LEN(size) && CMSG_NXTHDR(header, cmsg) == NULL);
	return CMSG_DATA(cmsg);
}

static void
check_from(const struct datagram *datagram, struct msghdr *header)
{
	struct in6_pktinfo from6;
	struct in_pktinfo from4;

	if (datagram->has4) {
		memcpy(&from4, data_of(header, IPPROTO_IP, IP_PKTINFO, sizeof(from4)),
		    sizeof(from4));
		fuzz_assert(from4.ipi_ifindex == 0);
		fuzz_assert(from4.ipi_spec_dst.s_addr == datagram->told4.ipi_spec_dst.s_addr);
	} else if (datagram->has6) {
		memcpy(&from6, data_of(header, IPPROTO_IPV6, IPV6_PKTINFO, sizeof(from6)),
		    sizeof(from6));
		fuzz_assert(IN6_ARE_ADDR_EQUAL(&from6.ipi6_addr, &datagram->told6.ipi6_addr));
		fuzz_assert(from6.ipi6_ifindex == (IN6_IS_ADDR_LINKLOCAL(&from6.ipi6_addr) ?
		    datagram->told6.ipi6_ifindex : 0));
	} else {
		fuzz_assert(CMSG_FIRSTHDR(header) == NULL);
	}
}

static void
check_answer(struct mmsghdr *mmsg)
{
	struct msghdr *header = &mmsg->msg_hdr;
	const struct datagram *datagram;

	/* In order: none that is right is passed over but for its budget. */
	while (next < count && header->msg_iov->iov_base != datagrams[next].payload) {
		fuzz_assert(budgets || !datagrams[next].right);
		next++;
	}
	fuzz_assert(next < count);
	datagram = &datagrams[next++];
	fuzz_assert(datagram->right);
	fuzz_assert(header->msg_iovlen == 1 && header->msg_iov->iov_len == datagram->size);
	fuzz_assert(header->msg_namelen == datagram->peer_length);
	fuzz_assert(memcmp(header->msg_name, &datagram->peer, datagram->peer_length) == 0);
	for (size_t i = 0; i < datagram->size && i < 16; i++)
		fuzz_assert(((const char *)datagram->payload)[i] == 'x');
	check_from(datagram, header);
}

int
sendmmsg(int fd, struct mmsghdr *headers, unsigned most, int flags)
{
	static const int errors[] = { EAGAIN, ENOBUFS, EPERM, EMSGSIZE };
	const unsigned word = input_byte(&input);
	const unsigned sent = word < 128 ? most : word % (most + 1);

	fuzz_assert(fd == -1 && (flags & MSG_DONTWAIT) != 0 && (flags & MSG_NOSIGNAL) != 0);
	fuzz_assert(most > 0);
	if (sent == 0) { /* this one is done with */
		check_answer(&headers[0]);
		refused++;
		errno = errors[word % 4];
		return -1;
	}
	for (unsigned i = 0; i < sent; i++) {
		check_answer(&headers[i]);
		taken++;
		taken_bytes += headers[i].msg_hdr.msg_iov->iov_len;
	}
	return (int)sent;
}

/* --- a batch ---------------------------------------------------------------------------- */

static void
set_rules(void)
{
	static struct guard_rules rules;
	const unsigned which = input_byte(&input);

	memset(&rules, 0, sizeof(rules));
	rules.max_datagram = which & 1 ? 100 : 65507;
	if (which & 2)
		guard_refuse(&rules, 0, 1023);
	guard_set(judge, &rules);
	rules.source_rate = which & 4 ? 8 : 0;
	rules.rate = which & 8 ? 40 : 0;
	guard_set(guard, &rules);
	budgets = (which & (4 | 8)) != 0;
}

static struct acl *
new_acl(void)
{
	struct rule rule = { .prefix = { .bits = { 192, 0, 2 }, .length = 24 } };
	const struct rule_list deny = { &rule, 1 }, allow = { NULL, 0 };

	return acl_new(&allow, &deny);
}

static void
check_tally(const struct batch_tally *tally)
{
	uint64_t dropped = 0, bytes = 0;

	for (size_t i = 0; i < DROP_REASON_COUNT; i++) {
		dropped += tally->dropped[i];
		fuzz_assert(drops.votes[i].total == tally->dropped[i]);
		fuzz_assert(vote_leader(&drops.votes[i]) == NULL ||
		    vote_leader(&drops.votes[i])->votes <= tally->dropped[i]);
	}
	for (size_t i = 0; i < count; i++)
		bytes += datagrams[i].size;
	fuzz_assert(tally->sent == taken && tally->sent_bytes == taken_bytes);
	fuzz_assert(tally->received_bytes == bytes && tally->sent + dropped == count);
	fuzz_assert(tally->dropped[DROP_FULL] + tally->dropped[DROP_SEND] == refused);
}

static void
begin(void)
{
	batch = batch_new();
	guard = guard_new();
	judge = guard_new();
	fuzz_assert(batch != NULL && guard != NULL && judge != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int64_t now;
	struct batch_tally tally = { .drops = &drops };
	struct reflect_policy policy = { .now = now += HOUR }; /* all budgets are whole again */
	struct acl *acl;
	size_t right = 0, left;

	if (batch == NULL)
		begin();
	input = (struct input){ data, size };
	memset(drops.votes, 0, sizeof(drops.votes));
	set_rules();
	acl = input_byte(&input) % 2 == 1 ? new_acl() : NULL;
	policy.guard = guard;
	policy.acl = acl;
	fuzz_assert(batch_receive(batch, -1, BATCH_SIZE) == (int)count);
	for (size_t i = 0; i < count; i++) {
		decide(&datagrams[i], acl, now);
		right += datagrams[i].right;
	}
	left = reflect_select(batch, &policy, &tally);
	fuzz_assert(budgets ? left <= right : left == right);
	next = taken = taken_bytes = refused = 0;
	batch_reply(batch, -1, &tally);
	fuzz_assert(taken + refused == left);
	check_tally(&tally);
	if (acl != NULL)
		acl_release(acl);
	return 0;
}
