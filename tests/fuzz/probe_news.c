/*
 * What the error queue of a socket says of a datagram, and quotes of it.  What is taken is what
 * stands there, as far as its length has room for it, and nothing behind is read.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <time.h>

#include <linux/errqueue.h>

#include "client/transport/probe.h"
#include "fuzz.h"

#define OFFENDER_LEAST (sizeof(struct sock_extended_err) + sizeof(struct sockaddr_in))

/* The input as control messages, aligned as those of a socket, and of its size and no more. */
static void *
aligned_copy(const uint8_t *data, size_t size)
{
	void *copy = malloc(size);

	fuzz_assert(copy != NULL || size == 0);
	if (size > 0)
		memcpy(copy, data, size);
	return copy;
}

static bool
tells_errors(const struct cmsghdr *c)
{
	return (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
	    (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
}

/* The first message that is one, as a whole, or NULL. */
static const struct cmsghdr *
find(struct msghdr *header)
{
	const char *end = (const char *)header->msg_control + header->msg_controllen;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c))
		if (tells_errors(c) && c->cmsg_len >= CMSG_LEN(sizeof(struct sock_extended_err)) &&
		    c->cmsg_len <= (size_t)(end - (const char *)c))
			return c;
	return NULL;
}

static void
check(const struct probe_news *news, const struct cmsghdr *c, size_t quoted)
{
	struct sock_extended_err error;

	memcpy(&error, CMSG_DATA(c), sizeof(error));
	fuzz_assert(news->error == (int)error.ee_errno);
	fuzz_assert(news->is_own == (error.ee_origin == SO_EE_ORIGIN_LOCAL));
	fuzz_assert(news->mtu == 0 || news->mtu == error.ee_info);
	fuzz_assert(news->quoted <= quoted && news->quoted <= sizeof(news->quote));
	fuzz_assert(memchr(news->from, '\0', sizeof(news->from)) != NULL);
	fuzz_assert(*news->from == '\0' || c->cmsg_len >= CMSG_LEN(OFFENDER_LEAST));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct probe_news news = { .error = 0 };
	struct input input = { data, size };
	const size_t quoted = input_byte(&input);
	void *control = aligned_copy(input.at, input.left);
	struct msghdr header = { .msg_control = control, .msg_controllen = input.left };
	const struct cmsghdr *expected = find(&header);

	fuzz_assert(probe_read_news(&news, &header, quoted) == (expected != NULL));
	if (expected != NULL)
		check(&news, expected, quoted);
	free(control);
	return 0;
}
