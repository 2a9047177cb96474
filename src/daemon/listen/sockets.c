/* What the sockets of listeners are, by kind: see sockets.h. */
#include "daemon/listen/sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/log.h"
#include "net/buffers.h"
#include "net/socket_option.h"

/*
 * What a peer that sends and never reads can make the kernel keep on its way back: bytes
 * that cannot be sent yet.  Without a bound the buffer grows with the path, to megabytes;
 * what is on its way in the window of a long path does not count.
 */
#define UNSENT_MOST 16384

/* A dead peer is found after KEEPALIVE_IDLE + KEEPALIVE_PROBES * KEEPALIVE_INTERVAL seconds. */
#define KEEPALIVE_IDLE 60
#define KEEPALIVE_INTERVAL 15
#define KEEPALIVE_PROBES 4

/* --- TCP -------------------------------------------------------------------------- */

static void
prepare_tcp(int fd, sa_family_t family)
{
	(void)family;
	socket_option_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	/* Urgent bytes are echoed in their place. */
	socket_option_set(fd, SOL_SOCKET, SO_OOBINLINE, 1);
	socket_option_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	socket_option_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE);
	socket_option_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL);
	socket_option_set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
	socket_option_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	socket_option_set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_MOST);
}

static void
adopt_tcp(int fd)
{
	static const struct linger none = { .l_onoff = 0 };

	/* Its connections have it too: close(2) would wait for the peer. */
	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)) == -1)
		log_debug("setsockopt(SO_LINGER): %s", strerror(errno));
	if (listen(fd, SOCKETS_BACKLOG) == -1)
		log_debug("listen(%d): %s", SOCKETS_BACKLOG, strerror(errno));
}

const struct socket_kind sockets_of_tcp = {
	.accepts = true, .prepare = prepare_tcp, .adopt = adopt_tcp,
};

/* --- UDP -------------------------------------------------------------------------- */

/*
 * A dual-stack socket needs both: IPv6's own tells the address that an IPv4 datagram
 * was sent to, but only IP_PKTINFO the one to answer from, which is another one where
 * that was a broadcast (ip(7), ipi_spec_dst).
 */
static void
prepare_udp(int fd, sa_family_t family)
{
	socket_option_set(fd, IPPROTO_IP, IP_PKTINFO, 1);
	if (family == AF_INET6)
		socket_option_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
}

/* Nothing but the addresses is asked to be told: there is no room for more. */
static void
adopt_udp(int fd)
{
	socket_option_set(fd, SOL_SOCKET, SO_TIMESTAMP, 0);
	socket_option_set(fd, SOL_SOCKET, SO_BROADCAST, 0);
}

const struct socket_kind sockets_of_udp = {
	.each_worker = true, .prepare = prepare_udp, .adopt = adopt_udp,
};

/* --- Unix --------------------------------------------------------------------------- */

static void
prepare_unix(int fd, sa_family_t family)
{
	(void)fd;
	(void)family;
}

static void
adopt_unix(int fd)
{
	if (listen(fd, SOCKETS_BACKLOG) == -1)
		log_debug("listen(%d): %s", SOCKETS_BACKLOG, strerror(errno));
}

/* Nobody is whom the kernel does not tell: uid -1, which no user has. */
static void
receive_unix(int fd, int listening, struct address *peer)
{
	struct ucred credentials = { .pid = 0, .uid = (uid_t)-1 };
	socklen_t length = sizeof(credentials);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == -1)
		log_debug("getsockopt(SO_PEERCRED): %s", strerror(errno));
	*peer = address_of_unix_peer(credentials.uid, credentials.pid);
	socket_option_set(fd, SOL_SOCKET, SO_OOBINLINE, 1);
	buffers_hand_on(listening, fd);
}

const struct socket_kind sockets_of_unix = {
	.accepts = true, .prepare = prepare_unix, .adopt = adopt_unix, .receive = receive_unix,
};
