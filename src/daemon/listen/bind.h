/*
 * Turns a listener's configuration into sockets: for each of its addresses, which are
 * two for "localhost", one that accepts connections, or one for each worker that
 * answers datagrams; or those that were inherited, as many as there are; or, on a reload, those
 * that are bound already to what the address means now.
 */
#ifndef DAEMON_LISTEN_BIND_H
#define DAEMON_LISTEN_BIND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/faults.h"
#include "daemon/listen/bound.h"
#include "daemon/listen/inherited.h"
#include "daemon/listen/sockets.h"
#include "net/endpoint.h"

/*
 * The sockets that share addresses with one that is to be bound and that this daemon will close
 * when the new ones serve: an address that one of them holds may be taken beside it.  They are
 * looked for among all that there are, so not before they matter.
 */
struct leaving {
	const struct bound_socket **sockets; /* with room for all that may be found */
	size_t count;
	bool is_found;
	/*
	 * Another process serves them until this one does: a duplicate of each takes the place of one
	 * that is bound beside it, which nobody would accept from until then.
	 */
	bool is_adopted;
	/* Finds them for the protocol, by `arg`. */
	void (*find)(struct leaving *leaving, enum protocol protocol);
	const void *arg;
};

/* What is to be bound, and beside what. */
struct binding {
	const char *name; /* the listener's */
	struct endpoint_view endpoint;
	const struct socket_kind *sockets;
	int socket_buffer; /* limits.socket_buffer */
	size_t workers;
	const struct inherited *inherited;
	/* The sockets of the listener whose place it takes: of them it keeps what it can. */
	const struct bound *now; /* NULL: there is none */
	uint16_t picked; /* what port 0 became for it, which stays; 0: the kernel picks one */
	struct leaving *leaving; /* bind_leaving() */
	/* Of the file of a Unix socket. */
	mode_t mode;
	const char *owner, *group; /* "": as it is made */
};

/* Those that leave. */
const struct leaving *bind_leaving(const struct binding *binding);

/*
 * Adds those of the sockets that were inherited that belong to the listener, those that it has
 * already as kept.  Returns 0, or -1 with errno and nothing added.
 */
int bind_add_inherited(const struct binding *binding, struct bound *bound);

/*
 * Keeps what there is, takes what was inherited for this listener, binds what else `binding`
 * says, and listens where it is a stream.  Returns 0 with *bound, which is then the caller's to
 * end by bound_close() or bound_free(), or -1 with one fault.
 */
int bind_listener(const struct binding *binding, struct bound *bound, struct faults *faults);

#endif
