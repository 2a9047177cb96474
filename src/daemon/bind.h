/*
 * Turns a listener's configuration into sockets: one, or two for "localhost".
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

#define BOUND_MAX 2

/* How many connections may wait at a stream listener. */
#define BIND_BACKLOG 4096

struct bound {
	size_t count;
	struct bound_socket {
		int fd;
		struct address address; /* as the kernel has it: with the real port */
	} sockets[BOUND_MAX];
};

/*
 * Binds what `config` names, and listens where it is a stream.  `leaving` are
 * descriptors of sockets that this daemon will close when the new one serves: an
 * address that one of them holds may be taken beside it.  Returns 0 with *bound,
 * whose sockets are then the caller's, or -1 with one fault.
 */
int bind_listener(const struct listen_config *config, int socket_buffer, const int *leaving,
    size_t leaving_count, struct bound *bound, struct faults *faults);

void bind_close(struct bound *bound);

/*
 * Sets SO_SNDBUF and SO_RCVBUF, for the connections to come where `fd` listens;
 * 0 gives the size back to the kernel's autotuning.
 */
void bind_set_buffers(int fd, int bytes);

#endif
