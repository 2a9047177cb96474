/*
 * The kinds of listeners: for each protocol a row that says what its sockets are, how they
 * are bound, and what serves them.  A listener is one of these and asks nothing else.
 */
#ifndef DAEMON_LISTEN_KIND_H
#define DAEMON_LISTEN_KIND_H

#include "daemon/account/ledger.h"
#include "daemon/config/config.h"
#include "daemon/listen/bind.h"
#include "daemon/listen/context.h"
#include "daemon/listen/sockets.h"

struct listener_kind {
	const struct socket_kind *sockets;
	unsigned carries; /* enum carried: what its ledger counts */
	/* As bind_listener(). */
	int (*bind)(const struct binding *binding, struct bound *bound, struct faults *faults);

	/*
	 * The service of a socket: made for one that is bound, and a ledger, which outlives it,
	 * NULL when memory ran out; freed before it serves, or begun and closed, which frees it.
	 */
	void *(*make)(const struct listener_context *context, struct ledger *ledger,
	    const struct bound_socket *socket);
	void (*free)(void *service);
	void (*serve)(void *service);
	void (*close)(void *service);
	/*
	 * Another service has the socket, too, and serves it likewise or not: nothing is to be done
	 * to it from here on but to close it.
	 */
	void (*leave)(void *service, bool is_likewise);
	/* The socket is another process's: closes it, and nothing else, and frees it. */
	void (*let_go)(void *service);
	/* Goes on by another configuration of its listener; NULL: it needs nothing of it. */
	void (*take_config)(void *service, const struct listen_config *config);
	/* Takes over the access list of its context; NULL: admission asks it each time. */
	void (*take_acl)(void *service);
	/* Counts what the kernel has dropped; NULL: nothing. */
	void (*look)(void *service);
	/* Stops accepting, until it is to look again; NULL: nobody connects. */
	void (*pause)(void *service);
	/* A connection has ended: looks again for room and descriptors; NULL: needs none. */
	void (*resume)(void *service);
	/* False where who connects has to wait; NULL: nobody connects. */
	bool (*accepts)(const void *service);
};

const struct listener_kind *kind_of(enum protocol protocol);

#endif
