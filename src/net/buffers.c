/* How much the kernel keeps for a socket: see buffers.h. */
#include "net/buffers.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/socket_option.h"

/*
 * What a peer can send before a byte of it was read: the receive buffer that a connection
 * begins with.  Twice as much is set, of which half is window: room for the ten segments that
 * a sender begins with (RFC 6928).
 */
#define FIRST_RECEIVE_BUFFER 16384

/*
 * From which autotuning goes on, twice as much again.  It grows where more comes in a round
 * trip than in any before, so after a held buffer it would leave a steady stream with what it
 * has.
 */
#define NEXT_RECEIVE_BUFFER (BUFFERS_GROWTH / 2)

/*
 * Of a Unix socket what it has sent is kept for it at the other end, until that reads or closes,
 * whatever becomes of this one.  So it begins with little room: twice as much is set.  What it
 * gets then has room for two of the longest that are sent at once.
 */
#define FIRST_SEND_BUFFER 16384
#define NEXT_SEND_BUFFER 65536

/* Bits of SO_BUF_LOCK: the kernel leaves the size as it is. */
enum { AUTOTUNED = 0, LOCK_SEND = 1, LOCK_RECEIVE = 2 };

static void
set(int fd, int option, int value)
{
	socket_option_set(fd, SOL_SOCKET, option, value);
}

static int
get(int fd, int option, int otherwise)
{
	int value = otherwise;
	socklen_t length = sizeof(value);

	getsockopt(fd, SOL_SOCKET, option, &value, &length);
	return value;
}

static int
kind_of(int fd)
{
	return get(fd, SO_TYPE, SOCK_STREAM);
}

/* As a new socket has it.  A service that may not make sockets cannot ask, and leaves it. */
static void
set_default_size(int fd, int option)
{
	const int family = get(fd, SO_DOMAIN, AF_INET);
	const int probe = socket(family, kind_of(fd) | SOCK_CLOEXEC, 0);
	int size;
	socklen_t length = sizeof(size);

	if (probe == -1)
		return;
	if (getsockopt(probe, SOL_SOCKET, option, &size, &length) == 0)
		set(fd, option, size / 2); /* the double of what is set: socket(7) */
	close(probe);
}

/* Returns -1 where the kernel does not tell: before Linux 5.14. */
static int
locks_of(int fd)
{
#ifdef SO_BUF_LOCK
	int locks;
	socklen_t length = sizeof(locks);

	if (getsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &locks, &length) == 0)
		return locks;
#else
	(void)fd;
#endif
	return -1;
}

static void
set_locks(int fd, int locks)
{
#ifdef SO_BUF_LOCK
	set(fd, SO_BUF_LOCK, locks);
#else
	(void)fd;
	(void)locks;
#endif
}

/*
 * Where the kernel does not take the sizes back they stay as they are.  A listening socket is
 * not held: its connections would get a window that cannot grow (RFC 7323, window scale).
 */
static void
autotune(int fd)
{
	const int locks = locks_of(fd);

	if (locks == -1)
		return;
	if (locks != AUTOTUNED) {
		set_default_size(fd, SO_SNDBUF);
		set_default_size(fd, SO_RCVBUF);
	}
	if (kind_of(fd) == SOCK_STREAM)
		set(fd, SO_RCVBUF, FIRST_RECEIVE_BUFFER);
	set_locks(fd, AUTOTUNED);
}

void
buffers_set(int fd, int bytes)
{
	if (bytes == 0) {
		autotune(fd);
		return;
	}
	set(fd, SO_SNDBUF, bytes);
	set(fd, SO_RCVBUF, bytes);
}

void
buffers_hand_on(int listening, int fd)
{
	const int locks = locks_of(listening);

	if (locks == -1)
		return;
	if ((locks & LOCK_SEND) == 0) {
		set(fd, SO_SNDBUF, FIRST_SEND_BUFFER); /* locks it */
		return;
	}
	set(fd, SO_SNDBUF, get(listening, SO_SNDBUF, 0) / 2); /* the double of what is set */
	set(fd, SO_RCVBUF, get(listening, SO_RCVBUF, 0) / 2);
}

void
buffers_hold(int fd)
{
	if (locks_of(fd) == AUTOTUNED)
		set(fd, SO_RCVBUF, FIRST_RECEIVE_BUFFER); /* locks it */
}

void
buffers_let_grow(int fd)
{
	const int locks = locks_of(fd);

	if (locks == LOCK_SEND) {
		set(fd, SO_SNDBUF, NEXT_SEND_BUFFER);
		return;
	}
	if (locks != LOCK_RECEIVE)
		return;
	set(fd, SO_RCVBUF, NEXT_RECEIVE_BUFFER);
	/* Unlike autotuning, setting the size does not widen the window. */
	socket_option_set(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, NEXT_RECEIVE_BUFFER);
	set_locks(fd, AUTOTUNED);
}
