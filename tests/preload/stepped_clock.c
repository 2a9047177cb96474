/*
 * A wall clock that is set while a program runs, for LD_PRELOAD: see
 * tests/integration/test_client_clock.py.  The test writes into a file that is mapped here.
 * The kernel's stamps of arrivals are of that clock too: before the step or after it.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

/* The file: nanoseconds. */
struct step {
	_Atomic int64_t at; /* of the true clock */
	_Atomic int64_t by; /* 0: there was none */
};

static struct step *step;

__attribute__((constructor)) static void
map_step(void)
{
	const char *path = getenv("STEPPED_CLOCK");
	const int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map;

	if (fd == -1)
		return;
	map = mmap(NULL, sizeof(*step), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		step = map;
}

static void
set(struct timespec *time)
{
	const int64_t true_time = time->tv_sec * SECOND + time->tv_nsec;
	const int64_t by = step != NULL ? atomic_load(&step->by) : 0;

	if (by != 0 && true_time >= atomic_load(&step->at)) {
		time->tv_sec = (true_time + by) / SECOND;
		time->tv_nsec = (true_time + by) % SECOND;
	}
}

/* ISO C has no conversion of dlsym()'s result to a function. */
static void
find(void *function, const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	memcpy(function, &found, sizeof(found));
}

int
clock_gettime(clockid_t id, struct timespec *time)
{
	static __typeof__(&clock_gettime) next;
	int result;

	if (next == NULL)
		find(&next, "clock_gettime");
	result = next(id, time);
	if (id == CLOCK_REALTIME)
		set(time);
	return result;
}

ssize_t
recvmsg(int fd, struct msghdr *message, int flags)
{
	static __typeof__(&recvmsg) next;
	ssize_t n;

	if (next == NULL)
		find(&next, "recvmsg");
	n = next(fd, message, flags);
	if (n == -1)
		return n;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec stamp;

			memcpy(&stamp, CMSG_DATA(c), sizeof(stamp));
			set(&stamp);
			memcpy(CMSG_DATA(c), &stamp, sizeof(stamp));
		}
	return n;
}
