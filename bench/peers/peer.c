/* What the peers share: see peer.h. */
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static volatile sig_atomic_t stopped;

_Noreturn void
peer_die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

int
peer_number(const char *text)
{
	char *end = NULL;
	const long number = strtol(text, &end, 10);

	if (end == text || *end != '\0' || number < 0 || number > INT_MAX) {
		errno = EINVAL;
		peer_die(text);
	}
	return (int)number;
}

int
peer_socket(int type, int port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	const int on = 1;

	if (fd == -1)
		peer_die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == -1)
		peer_die("bind");
	if ((type & SOCK_STREAM) && listen(fd, SOMAXCONN) == -1)
		peer_die("listen");
	return fd;
}

int
peer_unix_socket(int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int size = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
	    "echod-bench-%d", (int)getpid());
	const socklen_t before = offsetof(struct sockaddr_un, sun_path) + 1;
	const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (fd == -1)
		peer_die("socket");
	if (bind(fd, (const struct sockaddr *)&address, before + (socklen_t)size) == -1 ||
	    listen(fd, SOMAXCONN) == -1)
		peer_die("bind");
	return fd;
}

void
peer_ready(int fd)
{
	struct sockaddr_in address = { .sin_port = 0 };
	socklen_t size = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &size) == -1)
		peer_die("getsockname");
	printf("listening %d\n",
	    address.sin_family == AF_INET ? ntohs(address.sin_port) : (int)getpid());
	fflush(stdout);
}

void
peer_tune(int fd, int buffer)
{
	const int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (buffer == 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
}

static void
stop(int number)
{
	(void)number;
	stopped = 1;
}

const sigset_t *
peer_signals(void)
{
	static sigset_t while_waiting;
	const struct sigaction action = { .sa_handler = stop };
	sigset_t both;

	sigemptyset(&both);
	sigaddset(&both, SIGTERM);
	sigaddset(&both, SIGINT);
	sigprocmask(SIG_BLOCK, &both, &while_waiting);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	return &while_waiting;
}

bool
peer_stopped(void)
{
	return stopped != 0;
}
