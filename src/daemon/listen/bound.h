/*
 * The sockets of a listener, bound here or inherited, as values: what each is, whether it
 * still lives, and which of them another listener has, too.
 */
#ifndef DAEMON_LISTEN_BOUND_H
#define DAEMON_LISTEN_BOUND_H

#include <stdbool.h>
#include <stddef.h>

#include "net/address.h"
#include "net/endpoint.h"

struct inherited_socket;
struct packed_visitor;
struct unix_place;

struct bound {
	size_t count;
	struct bound_socket {
		int fd;
		/* As the kernel has it: with the real port; AF_UNSPEC of a Unix socket. */
		struct address address;
		struct unix_place *place; /* of a Unix socket that is bound here: held; or NULL */
		bool dual_stack;
		/* The same as text, but with "*" where that was written: the kernel's is "[::]". */
		char uri[ENDPOINT_SOCKET_SIZE];
		size_t worker;          /* whose it is to answer, where it is for datagrams */
		/* What `fd` is a duplicate of: not to be closed to others.  NULL: bound here. */
		const struct inherited_socket *inherited;
		/*
		 * What `fd` is a duplicate of, where that is another listener's, which leaves: who waits
		 * there is for the one that goes on, if it serves him likewise.  0: of none.
		 */
		int twin;
		void *service; /* what its listener serves it by (kind.h); NULL: none yet */
		/* Another listener serves it, whose place this one takes: it is not to be closed. */
		bool kept;
	} *sockets;
};

/*
 * False where the interface is gone to which the socket `fd` is bound, by its link-local address
 * or by whoever started echod: nothing will ever reach it, even if another one of the same name
 * comes.
 */
bool bound_lives(int fd);

/* False where that is so of `socket`, or its file has been removed or replaced. */
bool bound_is_reached(const struct bound_socket *socket);

/*
 * False where the host does not have the address now, whatever the port: a socket that is bound
 * to it serves again when it comes back.  Leaves errno as it is.
 */
bool bound_is_at_home(const struct address *address);

/* The first that lives at this address, dual-stack or not, or NULL. */
const struct bound_socket *bound_find(const struct bound *bound, const struct address *address,
    bool dual_stack);

/* True where one of them has the address, whatever it is. */
bool bound_has_address(const struct bound *bound, const struct address *address);

/* True where none before it has its address: the workers' sockets of one have one line. */
bool bound_is_first(const struct bound *bound, size_t index);

bool bound_has_fd(const struct bound *bound, int fd);

/* True where one of them is a duplicate of `fd`. */
bool bound_has_twin(const struct bound *bound, int fd);

/* True where both have the same sockets. */
bool bound_is_same(const struct bound *a, const struct bound *b);

/* True where one of them is kept. */
bool bound_keeps(const struct bound *bound);

/* Packs those that are not inherited.  Returns 0, or -1 with errno. */
int bound_pack(const struct bound *bound, const struct packed_visitor *visitor);

/* Closes all behind the first `count`, but for those that are kept.  Leaves errno as it is. */
void bound_close_behind(struct bound *bound, size_t count);

/* Closes all but those that are kept, and frees what *bound has. */
void bound_close(struct bound *bound);

/* Frees what *bound has; the sockets stay open. */
void bound_free(struct bound *bound);

#endif
