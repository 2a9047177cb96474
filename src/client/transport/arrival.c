/* When bytes arrived: see arrival.h. */
#include "client/transport/arrival.h"

#include <stdalign.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "client/timing.h"

/* An arrival longer ago than this is none: the wall clock was set since.  Nanoseconds. */
#define STAMP_AGE INT64_C(60000000000)

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

/* The stamp is of the wall clock, which may be set at any time: only its age is used. */
static int64_t
arrival(struct msghdr *header)
{
	const int64_t now = timing_now();
	struct timespec stamp, wall;
	int64_t age;

	if (!find_stamp(header, &stamp))
		return now;
	clock_gettime(CLOCK_REALTIME, &wall);
	age = (wall.tv_sec - stamp.tv_sec) * 1000000000 + (wall.tv_nsec - stamp.tv_nsec);
	return age > 0 && age < STAMP_AGE ? now - age : now;
}

ssize_t
arrival_receive(int fd, void *data, size_t size, int64_t *when)
{
	alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct timespec))];
	struct iovec payload = { data, size };
	struct msghdr header = {
		.msg_iov = &payload,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	if (when == NULL)
		return recv(fd, data, size, 0);
	n = recvmsg(fd, &header, 0);
	*when = n >= 0 ? arrival(&header) : timing_now();
	return n;
}
