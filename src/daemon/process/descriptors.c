/* File descriptors: see descriptors.h. */
#include "daemon/process/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

#include "base/log.h"

/* Of one worker: its eventfd, libevent's socketpair for signals, and its epoll. */
#define EACH_WORKER(for_select) ((for_select) ? 3 : 4)

/*
 * "localhost" has two addresses, and a reload may have the new sockets beside the old.
 * Of datagram listeners each worker has sockets of its own.
 */
#define EACH_LISTENER 4

/* The control thread's own, standard streams, the log's, the file on a reload, some spare. */
#define RESERVE 20

/* The kernel gives the lowest that is free: what is far from all others was given by somebody. */
#define GAP 1000

void
descriptors_occupy_standard(void)
{
	int fd;

	do {
		fd = open("/", O_PATH | O_CLOEXEC); /* a container may have no /dev/null */
	} while (fd != -1 && fd <= STDERR_FILENO);
	if (fd != -1)
		close(fd);
}

void
descriptors_allow_all(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
			log_warning("cannot raise RLIMIT_NOFILE: %s", strerror(errno));
	}
}

/* Raises the hard limit too where that is allowed, which is root's privilege. */
static void
raise_limit(struct rlimit *limit, rlim_t wanted)
{
	struct rlimit raised = { wanted, wanted > limit->rlim_max ? wanted : limit->rlim_max };

	if (wanted <= limit->rlim_cur)
		return;
	if (setrlimit(RLIMIT_NOFILE, &raised) == -1) {
		raised = (struct rlimit){ limit->rlim_max, limit->rlim_max };
		if (setrlimit(RLIMIT_NOFILE, &raised) == -1) {
			log_warning("cannot raise RLIMIT_NOFILE: %s", strerror(errno));
			return;
		}
	}
	*limit = raised;
}

static void
lower_for_select(struct rlimit *limit)
{
	if (limit->rlim_cur <= FD_SETSIZE)
		return;
	limit->rlim_cur = FD_SETSIZE;
	if (setrlimit(RLIMIT_NOFILE, limit) == -1)
		log_error("cannot lower RLIMIT_NOFILE to %d for select(): %s", FD_SETSIZE,
		    strerror(errno));
}

/*
 * The kernel's table grows by what is to come at once: under threads it would wait until each has
 * been seen to rest, 10 to 30 ms at each doubling (Linux, expand_fdtable()).
 */
static void
grow_table(rlim_t size)
{
	const int last = size > 0 && size <= INT_MAX ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC,
	    (int)size - 1) : -1;

	if (last != -1)
		close(last);
}

size_t
descriptors_make_room(bool for_select, const struct descriptors_need *need)
{
	const rlim_t own = RESERVE + need->inherited + need->others +
	    EACH_WORKER(for_select) * need->workers +
	    EACH_LISTENER * (need->stream_listeners + need->workers * need->datagram_listeners);
	struct rlimit limit;
	size_t room;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1) {
		log_warning("cannot read RLIMIT_NOFILE: %s", strerror(errno));
		return need->connections;
	}
	raise_limit(&limit, need->connections + own);
	if (for_select)
		lower_for_select(&limit);
	grow_table(limit.rlim_cur < need->connections + own ? limit.rlim_cur
	    : need->connections + own);
	if (limit.rlim_cur >= need->connections + own)
		return need->connections;
	room = limit.rlim_cur > own ? (size_t)(limit.rlim_cur - own) : 1;
	log_warning("%s has room for %llu descriptors: at most %zu connections, "
	    "limits.connections asks for %zu",
	    for_select && limit.rlim_cur == FD_SETSIZE ? "select()" : "RLIMIT_NOFILE",
	    (unsigned long long)limit.rlim_cur, room, need->connections);
	return room;
}

size_t
descriptors_count(void)
{
	size_t count = 0;

	for (int fd = 0, last = 0; fd - last <= GAP; fd++) {
		if (fcntl(fd, F_GETFD) == -1)
			continue;
		last = fd;
		count++;
	}
	return count;
}

size_t
descriptors_limit(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (size_t)limit.rlim_cur : 0;
}
