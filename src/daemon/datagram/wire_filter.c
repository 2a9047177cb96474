/* What came from which interface: see wire_filter.h. */
#include "daemon/datagram/wire_filter.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/datagram/guard.h"

/* An address is four words; in struct ip6_hdr those of the two are here. */
#define WORDS 4
#define SOURCE_AT (SKF_NET_OFF + 8)
#define DESTINATION_AT (SKF_NET_OFF + 24)

#define TAKE UINT32_MAX
#define DROP 0

#define LOAD(at) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(at))
#define STORE(word) BPF_STMT(BPF_ST, (word))
#define RETURN(verdict) BPF_STMT(BPF_RET | BPF_K, (verdict))
#define SKIP_UNLESS(value, skipped) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (skipped))
#define SKIP_IF(value, skipped) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (skipped), 0)
#define SKIP_UNLESS_SAME(skipped) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, (skipped))
#define OF_SOURCE_TO(operation, word) BPF_STMT((operation) | BPF_MEM, (word))

/*
 * The words of the source are kept for the list.  The last word is compared first: hosts
 * of a network differ there.
 */
static const struct sock_filter base[] = {
	LOAD(SKF_AD_OFF + SKF_AD_IFINDEX),
	SKIP_IF(GUARD_LOOPBACK, 2),
	LOAD(SKF_AD_OFF + SKF_AD_PROTOCOL),
	SKIP_IF(ETH_P_IPV6, 1),
	RETURN(TAKE),
	LOAD(SOURCE_AT),
	STORE(0),
	LOAD(SOURCE_AT + 4),
	STORE(1),
	LOAD(SOURCE_AT + 8),
	STORE(2),
	LOAD(SOURCE_AT + 12),
	STORE(3),
	OF_SOURCE_TO(BPF_LDX, 3),
	LOAD(DESTINATION_AT + 12),
	SKIP_UNLESS_SAME(10),
	OF_SOURCE_TO(BPF_LDX, 2),
	LOAD(DESTINATION_AT + 8),
	SKIP_UNLESS_SAME(7),
	OF_SOURCE_TO(BPF_LDX, 1),
	LOAD(DESTINATION_AT + 4),
	SKIP_UNLESS_SAME(4),
	OF_SOURCE_TO(BPF_LDX, 0),
	LOAD(DESTINATION_AT),
	SKIP_UNLESS_SAME(1),
	RETURN(DROP),
};

#define BASE_SIZE (sizeof(base) / sizeof(base[0]))
#define STEPS_MOST (2 * WORDS + 3) /* of one address of the list */
#define PROGRAM_MOST (BASE_SIZE + WIRE_FILTER_MOST * STEPS_MOST + 1)

/* Drops what comes from `own`; whatever else goes on behind the steps.  Returns their end. */
static struct sock_filter *
add_own(struct sock_filter *next, const struct own_address *own)
{
	struct sock_filter *const end = next + STEPS_MOST - (own->interface != 0 ? 0 : 2);
	uint32_t words[WORDS];

	memcpy(words, &own->address, sizeof(words));
	for (unsigned word = WORDS; word-- > 0;) {
		*next++ = (struct sock_filter)OF_SOURCE_TO(BPF_LD, word);
		*next = (struct sock_filter)SKIP_UNLESS(ntohl(words[word]), 0);
		next->jf = (uint8_t)(end - next - 1);
		next++;
	}
	if (own->interface != 0) {
		*next++ = (struct sock_filter)LOAD(SKF_AD_OFF + SKF_AD_IFINDEX);
		*next++ = (struct sock_filter)SKIP_UNLESS(own->interface, 1);
	}
	*next = (struct sock_filter)RETURN(DROP);
	return end;
}

int
wire_filter_attach(int fd, const struct own_address *own, size_t count)
{
	struct sock_filter program[PROGRAM_MOST], *next = program + BASE_SIZE;
	struct sock_fprog filter = { .filter = program };

	memcpy(program, base, sizeof(base));
	for (size_t i = 0; i < count; i++)
		next = add_own(next, &own[i]);
	*next++ = (struct sock_filter)RETURN(TAKE);
	filter.len = (unsigned short)(next - program);
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
}

bool
wire_filter_is_attached(int fd)
{
	struct sock_filter program[PROGRAM_MOST];
	socklen_t steps = PROGRAM_MOST; /* the kernel counts them, not bytes */

	return getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, program, &steps) == 0 &&
	    steps > BASE_SIZE && memcmp(program, base, sizeof(base)) == 0;
}
