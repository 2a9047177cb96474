/*
 * Turns a listener's configuration into sockets: for each of its addresses, which are
 * two for "localhost", one that accepts connections, or one for each worker that
 * answers datagrams.
 *
 * All that a connection's socket must be is set on the listening one, before the
 * first byte can come: accept(2) hands it on (socket(7), tcp(7)).
 */
#ifndef DAEMON_BIND_H
#define DAEMON_BIND_H

#include <stddef.h>

#include "common/address.h"
#include "daemon/config.h"
#include "daemon/faults.h"

/* How many connections may wait at a stream listener. */
#define BIND_BACKLOG 4096

/* The sockets of one address follow each other, the first worker's first. */
struct bound {
	size_t count;
	size_t spread; /* how many each address has */
	struct bound_socket {
		int fd;
		struct address address; /* as the kernel has it: with the real port */
	} *sockets;
};

/* What is to be bound, and beside what. */
struct binding {
	const struct listen_config *config;
	int socket_buffer; /* limits.socket_buffer */
	size_t workers;
	/*
	 * Descriptors of sockets of the same protocol that this daemon will close when the
	 * new ones serve: an address that one of them holds may be taken beside it.
	 */
	const int *leaving;
	size_t leaving_count;
};

/*
 * Binds what `binding` says, and listens where it is a stream.  Returns 0 with *bound,
 * which is then the caller's to end by bind_close() or bind_free(), or -1 with one
 * fault.
 */
int bind_listener(const struct binding *binding, struct bound *bound, struct faults *faults);

/* Closes the sockets and frees what *bound has. */
void bind_close(struct bound *bound);

/* Frees what *bound has; the sockets stay open. */
void bind_free(struct bound *bound);

/*
 * Sets SO_SNDBUF and SO_RCVBUF, for the connections to come where `fd` listens;
 * 0 gives the size back to the kernel's autotuning.
 */
void bind_set_buffers(int fd, int bytes);

#endif
