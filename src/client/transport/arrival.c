/* When bytes arrived: see arrival.h. */
#include "client/transport/arrival.h"

#include <errno.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "client/timing.h"

/* By how much the offset may seem to change without a step: nanoseconds. */
#define NOISE 100000

/* How often the clocks are read, at most, where something came in between. */
#define READINGS 4

static int64_t
nanoseconds(const struct timespec *time)
{
	return time->tv_sec * INT64_C(1000000000) + time->tv_nsec;
}

/* Without a step the offset stays what it is: both clocks are slewed alike. */
static void
read_clocks(struct arrival_clock *clock)
{
	int64_t narrowest = INT64_MAX;

	for (int i = 0; i < READINGS && narrowest > NOISE / 10; i++) {
		const int64_t before = timing_now();
		struct timespec wall;
		int64_t after;

		clock_gettime(CLOCK_REALTIME, &wall);
		after = timing_now();
		if (after - before < narrowest) {
			narrowest = after - before;
			clock->offset = nanoseconds(&wall) - before - narrowest / 2;
		}
		clock->empty = after;
	}
}

void
arrival_begin(struct arrival_clock *clock)
{
	read_clocks(clock);
}

static bool
find_stamp(struct msghdr *header, struct timespec *stamp)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
			memcpy(stamp, CMSG_DATA(c), sizeof(*stamp));
			return true;
		}
	return false;
}

/*
 * Where the wall clock was set since the socket was empty, the stamp is of before or of after
 * that: the one that can be is right, and of two the later.
 */
static int64_t
arrival(struct msghdr *header, const struct arrival_clock *clock)
{
	struct arrival_clock now;
	struct timespec stamp;
	int64_t after, before;

	read_clocks(&now);
	if (!find_stamp(header, &stamp))
		return now.empty;
	after = nanoseconds(&stamp) - now.offset;
	if (llabs(now.offset - clock->offset) <= NOISE)
		return after < now.empty ? after : now.empty;
	before = nanoseconds(&stamp) - clock->offset;
	if (after > now.empty || (before > after && before <= now.empty))
		after = before;
	return after >= clock->empty && after <= now.empty ? after : now.empty;
}

ssize_t
arrival_receive(int fd, struct arrival_clock *clock, void *data, size_t size, int64_t *when)
{
	alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct timespec)) + MARKS_SPACE];
	struct iovec payload = { data, size };
	struct msghdr header = {
		.msg_iov = &payload,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;
	int error;

	if (when == NULL)
		return recv(fd, data, size, 0);
	n = recvmsg(fd, &header, 0);
	error = errno;
	if (n >= 0) {
		*when = arrival(&header, clock);
		clock->marks = marks_read(&header);
	} else {
		read_clocks(clock);
		*when = clock->empty;
	}
	errno = error;
	return n;
}
