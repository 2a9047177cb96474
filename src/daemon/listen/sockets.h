/*
 * What the sockets of listeners are, by kind: how many serve one address, and what is set
 * on them.  All that a connection's socket must be is set on the listening one, before the
 * first byte can come: accept(2) hands it on (socket(7), tcp(7)); of a Unix socket it does not.
 */
#ifndef DAEMON_LISTEN_SOCKETS_H
#define DAEMON_LISTEN_SOCKETS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "net/address.h"

/* How many connections may wait at a stream listener. */
#define SOCKETS_BACKLOG 4096

struct socket_kind {
	bool accepts; /* listen(2) is called once it is bound */
	/* Each worker has one of its own: accept(2) spreads connections, the kernel datagrams. */
	bool each_worker;
	/* Sets what is needed on `fd`, of `family`, whoever made it.  What fails is logged. */
	void (*prepare)(int fd, sa_family_t family);
	/* Undoes what somebody else may have set on one that is inherited and bound. */
	void (*adopt)(int fd);
	/* Sets on a connection what `listening` does not hand on, and finds out who the peer is;
	 * NULL: nothing is left to do. */
	void (*receive)(int fd, int listening, struct address *peer);
};

extern const struct socket_kind sockets_of_tcp, sockets_of_udp, sockets_of_unix;

#endif
