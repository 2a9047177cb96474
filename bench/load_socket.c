/* Sockets of the load generator, and the connections that it only holds: see load.h. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define SOURCES 16
#define GROUPS 50    /* that connections to be held are opened in */
#define GROUP_MAX 1000
#define HELD_SIZE 64 /* what goes once over a connection that is then held */

static int
set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/* Which port, the kernel says in connect(2): it then need be free for this peer only. */
static int
bind_source(int fd, unsigned int number)
{
	const struct sockaddr_in from = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + number % SOURCES),
	};

	set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	return bind(fd, (const struct sockaddr *)&from, sizeof(from));
}

/* Where its queue is full this waits, whatever `type` says: connect(2) would only say EAGAIN. */
static int
connect_unix(int type)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const int size = snprintf(to.sun_path + 1, sizeof(to.sun_path) - 1, "echod-bench-%d",
	    options.port);
	const socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)size);
	const int fd = socket(AF_UNIX, (type & ~SOCK_NONBLOCK) | SOCK_CLOEXEC, 0);

	if (fd == -1 || connect(fd, (const struct sockaddr *)&to, length) == -1)
		load_die("connect");
	if ((type & SOCK_NONBLOCK) && fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
		load_die("fcntl");
	return fd;
}

int
load_connect(int type, unsigned int number)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)options.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd, error;

	if (options.is_unix)
		return connect_unix(type);
	fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* fails for datagrams, which need none */
	if (bind_source(fd, number) == 0 &&
	    (connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 || errno == EINPROGRESS))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

void
load_reset(int fd)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
}

static int
open_held(unsigned int id)
{
	const struct timeval patience = { .tv_sec = 10 };
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	const int fd = load_connect(SOCK_STREAM, id);

	if (fd == -1)
		load_die("connect");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	return fd; /* stays open until the process ends */
}

static void
send_once(int fd, unsigned int id)
{
	if (send(fd, load_message(id, 0), HELD_SIZE, MSG_NOSIGNAL) != HELD_SIZE)
		load_die("send on a connection to be held");
}

static void
receive_once(int fd, unsigned int id)
{
	unsigned char answer[HELD_SIZE];

	errno = 0;
	if (recv(fd, answer, HELD_SIZE, MSG_WAITALL) != HELD_SIZE ||
	    memcmp(answer, load_message(id, 0), HELD_SIZE) != 0)
		load_die("a connection to be held got something else than its echo");
}

/*
 * In groups: one by one, a server that looks at all connections each time would need
 * minutes for thousands.  Their size keeps within a short backlog where there are few.
 */
void
load_hold(int count)
{
	int fds[GROUP_MAX];
	const int group =
	    count < GROUPS ? 1 : count / GROUPS < GROUP_MAX ? count / GROUPS : GROUP_MAX;

	for (int first = 0; first < count; first += group) {
		const int n = count - first < group ? count - first : group;

		for (int i = 0; i < n; i++)
			fds[i] = open_held((unsigned int)(first + i));
		for (int i = 0; i < n; i++)
			send_once(fds[i], (unsigned int)(first + i));
		for (int i = 0; i < n; i++)
			receive_once(fds[i], (unsigned int)(first + i));
	}
}
