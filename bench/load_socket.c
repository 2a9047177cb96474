/* Sockets of the load generator: see load.h. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SOURCES 16

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
load_set_reset(int fd)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
}
