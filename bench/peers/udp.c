/*
 * A peer: the three ways to answer datagrams in a loop that does nothing else.
 *
 *   udp PORT recvfrom|recvmsg|recvmmsg [SOCKET_BUFFER]
 *
 * recvfrom   the least there is; on a host with several addresses the reply may leave
 *            from another one than was asked
 * recvmsg    with IP_PKTINFO: the reply leaves from the address that was asked
 * recvmmsg   the same, with up to 64 datagrams for each system call
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

#define DATAGRAM_SIZE 65536
#define BATCH 64

struct slot {
	struct sockaddr_in from;
	struct iovec payload;
	_Alignas(struct cmsghdr) unsigned char control[CMSG_SPACE(sizeof(struct in_pktinfo))];
};

static struct slot slots[BATCH];
static struct mmsghdr messages[BATCH];
static unsigned char *memory;

static void
prepare(int i)
{
	struct slot *slot = &slots[i];

	slot->payload = (struct iovec){ memory + (size_t)i * DATAGRAM_SIZE, DATAGRAM_SIZE };
	messages[i].msg_hdr = (struct msghdr){
		.msg_name = &slot->from,
		.msg_namelen = sizeof(slot->from),
		.msg_iov = &slot->payload,
		.msg_iovlen = 1,
		.msg_control = slot->control,
		.msg_controllen = sizeof(slot->control),
	};
}

/* What was received becomes what is sent: IP_PKTINFO came with the address that was asked. */
static void
turn_round(int i, size_t size)
{
	struct msghdr *header = &messages[i].msg_hdr;
	struct cmsghdr *c = CMSG_FIRSTHDR(header);
	struct in_pktinfo info;

	slots[i].payload.iov_len = size;
	if (c == NULL)
		return;
	memcpy(&info, CMSG_DATA(c), sizeof(info));
	info.ipi_ifindex = 0; /* by whatever way the routes say */
	memcpy(CMSG_DATA(c), &info, sizeof(info));
}

static void
answer_recvfrom(int fd)
{
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	const ssize_t n =
	    recvfrom(fd, memory, DATAGRAM_SIZE, 0, (struct sockaddr *)&from, &size);

	if (n >= 0)
		sendto(fd, memory, (size_t)n, 0, (const struct sockaddr *)&from, size);
}

static void
answer_recvmsg(int fd)
{
	ssize_t n;

	prepare(0);
	n = recvmsg(fd, &messages[0].msg_hdr, 0);
	if (n < 0)
		return;
	turn_round(0, (size_t)n);
	sendmsg(fd, &messages[0].msg_hdr, 0);
}

/* One that cannot be sent is passed over, as the other ways do. */
static void
answer_recvmmsg(int fd)
{
	int n;

	for (int i = 0; i < BATCH; i++)
		prepare(i);
	n = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
	for (int i = 0; i < n; i++)
		turn_round(i, messages[i].msg_len);
	for (int done = 0; done < n;) {
		const int sent = sendmmsg(fd, messages + done, (unsigned int)(n - done), 0);

		done += sent > 0 ? sent : 1;
	}
}

static void (*way_of(const char *name))(int fd)
{
	if (strcmp(name, "recvfrom") == 0)
		return answer_recvfrom;
	if (strcmp(name, "recvmsg") == 0)
		return answer_recvmsg;
	if (strcmp(name, "recvmmsg") == 0)
		return answer_recvmmsg;
	errno = EINVAL;
	peer_die(name);
}

int
main(int argc, char **argv)
{
	void (*answer)(int fd) = way_of(argc > 2 ? argv[2] : "recvmsg");
	const int fd = peer_socket(SOCK_DGRAM, argc > 1 ? peer_number(argv[1]) : 0);
	const int on = 1;

	memory = malloc((size_t)BATCH * DATAGRAM_SIZE);
	if (memory == NULL)
		peer_die("malloc");
	if (answer != answer_recvfrom)
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	peer_tune(fd, argc > 3 ? peer_number(argv[3]) : 0);
	/* It blocks in a call that has no signal mask, so SIGTERM ends it where it is. */
	peer_ready(fd);
	for (;;)
		answer(fd);
}
