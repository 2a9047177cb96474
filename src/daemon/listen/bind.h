/*
 * Turns a listener's configuration into sockets: for each of its addresses, which are
 * two for "localhost", one that accepts connections, or one for each worker that
 * answers datagrams; or those that were inherited, as many as there are.
 */
#ifndef DAEMON_LISTEN_BIND_H
#define DAEMON_LISTEN_BIND_H

#include <stddef.h>

#include "base/faults.h"
#include "daemon/listen/inherited.h"
#include "daemon/listen/sockets.h"
#include "net/address.h"
#include "net/endpoint.h"

struct bound {
	size_t count;
	struct bound_socket {
		int fd;
		struct address address; /* as the kernel has it: with the real port */
		/* The same as text, but with "*" where that was written: the kernel's is "[::]". */
		char uri[ENDPOINT_SOCKET_SIZE];
		size_t worker;          /* whose it is to answer, where it is for datagrams */
		/* What `fd` is a duplicate of: not to be closed to others.  NULL: bound here. */
		const struct inherited_socket *inherited;
	} *sockets;
};

/* What is to be bound, and beside what. */
struct binding {
	const char *name; /* the listener's */
	struct endpoint_view endpoint;
	const struct socket_kind *sockets;
	int socket_buffer; /* limits.socket_buffer */
	size_t workers;
	const struct inherited *inherited;
	/*
	 * Descriptors of sockets that share addresses with it and that this daemon will close
	 * when the new ones serve: an address that one of them holds may be taken beside it.
	 */
	const int *leaving;
	size_t leaving_count;
};

/*
 * Takes what was inherited for this listener, binds what else `binding` says, and listens
 * where it is a stream.  Returns 0 with *bound,
 * which is then the caller's to end by bind_close() or bind_free(), or -1 with one
 * fault.
 */
int bind_listener(const struct binding *binding, struct bound *bound, struct faults *faults);

/* Closes the sockets and frees what *bound has. */
void bind_close(struct bound *bound);

/* Frees what *bound has; the sockets stay open. */
void bind_free(struct bound *bound);

#endif
