/* Reaching the far end: see transport.h. */
#include "client/transport/transport.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "client/timing.h"

/* An arrival longer ago than this is none: the wall clock was set since.  Nanoseconds. */
#define STAMP_AGE INT64_C(60000000000)

bool
transport_is_stream(const struct transport_wish *wish)
{
	return wish->uri.protocol == PROTOCOL_TCP;
}

enum transport_end
transport_end_of(int error)
{
	switch (error) {
	case 0:
		return TRANSPORT_CLOSED;
	case ECONNRESET:
	case EPIPE:
		return TRANSPORT_RESET;
	case ECONNREFUSED:
		return TRANSPORT_REFUSED;
	default:
		return TRANSPORT_LOST;
	}
}

static int
kind_of(const struct transport_wish *wish)
{
	return transport_is_stream(wish) ? SOCK_STREAM : SOCK_DGRAM;
}

int
transport_begin(struct transport *transport, const struct transport_wish *wish)
{
	const int kind = kind_of(wish) | SOCK_NONBLOCK | SOCK_CLOEXEC, on = 1;
	int error = 0;

	transport->begun = timing_now();
	transport->fd = socket(transport->peer.sa.sa_family, kind, 0);
	if (transport->fd == -1)
		return errno;
	if (transport_is_stream(wish))
		setsockopt(transport->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(transport->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	if (connect(transport->fd, &transport->peer.sa, address_length(&transport->peer)) == -1)
		error = errno;
	if (error != 0 && error != EINPROGRESS)
		transport_close(transport);
	return error;
}

int
transport_complete(struct transport *transport, const struct transport_wish *wish)
{
	struct sockaddr_in6 name;
	socklen_t length = sizeof(name), error_length;
	int error = 0;

	error_length = sizeof(error);
	if (getsockopt(transport->fd, SOL_SOCKET, SO_ERROR, &error, &error_length) == -1)
		error = errno;
	if (error == 0 && getsockname(transport->fd, (struct sockaddr *)&name, &length) == -1)
		error = errno;
	if (error != 0)
		return error;
	transport->connect_seconds =
	    transport_is_stream(wish) ? timing_seconds(timing_now() - transport->begun) : 0;
	address_from_sockaddr(&transport->local, (struct sockaddr *)&name, length);
	/* On one host the kernel may give us the very port that we ask for: it would be us who echoes. */
	return address_equal(&transport->local, &transport->peer) ? ECONNREFUSED : 0;
}

/* Waits until connect(2) has come to an end.  Returns 0 or an errno. */
static int
wait_connected(const struct transport *transport, const struct transport_wish *wish)
{
	struct pollfd writable = { .fd = transport->fd, .events = POLLOUT };
	const int64_t deadline = transport->begun + timing_nanoseconds(wish->timeout);
	int n;

	do {
		const int64_t left = (deadline - timing_now() + 999999) / 1000000;

		n = poll(&writable, 1, left > 0 ? (int)left : 0);
	} while (n == -1 && errno == EINTR);
	return n == 1 ? 0 : n == 0 ? ETIMEDOUT : errno;
}

/* Returns 0 with an open socket, or an errno without one. */
static int
try_address(struct transport *transport, const struct transport_wish *wish)
{
	int error = transport_begin(transport, wish);

	if (error == EINPROGRESS)
		error = wait_connected(transport, wish);
	if (error == 0)
		error = transport_complete(transport, wish);
	if (error != 0)
		transport_close(transport);
	return error;
}

/* Adds "cannot connect to 127.0.0.1:7: Connection refused", or what follows it. */
static void
add_fault(char *fault, size_t size, const struct address *peer, int error)
{
	char text[ADDRESS_TEXT_SIZE];
	const size_t at = strlen(fault);

	snprintf(fault + at, size - at, "%s%s: %s", at == 0 ? "cannot connect to " : "; ",
	    address_format(peer, text), strerror(error));
}

int
transport_open(struct transport *transport, const struct transport_wish *wish, char *fault,
    size_t fault_size)
{
	const struct addrinfo hints = {
		.ai_family = wish->family,
		.ai_socktype = kind_of(wish),
	};
	struct addrinfo *found;
	int error = getaddrinfo(wish->uri.host, NULL, &hints, &found);

	transport->fd = -1;
	if (error != 0) {
		snprintf(fault, fault_size, "cannot find %s: %s", wish->uri.host,
		    error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
		return -1;
	}
	*fault = '\0';
	for (const struct addrinfo *each = found; each != NULL; each = each->ai_next) {
		address_from_sockaddr(&transport->peer, each->ai_addr, each->ai_addrlen);
		address_set_port(&transport->peer, wish->uri.port);
		error = try_address(transport, wish);
		if (error == 0)
			break;
		add_fault(fault, fault_size, &transport->peer, error);
	}
	freeaddrinfo(found);
	return transport->fd != -1 ? 0 : -1;
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
transport_receive(const struct transport *transport, void *data, size_t size, int64_t *when)
{
	alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct timespec))];
	struct iovec payload = { data, size };
	struct msghdr header = {
		.msg_iov = &payload,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	const ssize_t n = recvmsg(transport->fd, &header, 0);

	*when = n >= 0 ? arrival(&header) : timing_now();
	return n;
}

void
transport_close(struct transport *transport)
{
	if (transport->fd != -1)
		close(transport->fd);
	transport->fd = -1;
}
