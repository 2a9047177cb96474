/*
 * How listeners and connections in their preamble come from one process to another: what a parcel
 * has of them, all but their descriptors.  The texts are somebody else's.
 */
#ifndef DAEMON_LISTEN_PACKED_H
#define DAEMON_LISTEN_PACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/address.h"
#include "net/protocol.h"

/* What a listener is for. */
enum packed_role {
	PACKED_ECHO,
	PACKED_OBSERVE,
	PACKED_TAKE_OVER, /* where a successor asks */
	PACKED_INHERITED, /* it is a service manager's (inherited.h), whatever it is for */
	PACKED_ROLES
};

/* As it was written in the configuration by which it was made. */
struct packed_listener {
	enum packed_role role;
	const char *name;
	enum protocol protocol;
	const char *place;  /* its address, or the path or abstract name of a Unix socket */
	uint16_t port;      /* host order; 0: the kernel picked one */
	mode_t mode;        /* of the file of a path */
	const char *owner, *group; /* the same; "": as it was made */
	const char *greeting; /* what is said first there; "": nothing */
	bool is_proxied;      /* each connection begins with a header of the PROXY protocol */
};

/* What the socket itself does not tell. */
struct packed_socket {
	uint32_t worker; /* whose it is to answer, where it is for datagrams */
	uint64_t device, inode; /* of the file that was made for it; 0: there is none */
};

/* Who packs them: each listener, and then its sockets, if any.  Both return 0, or -1 with errno. */
struct packed_visitor {
	int (*listener)(void *arg, const struct packed_listener *listener);
	int (*socket)(void *arg, const struct packed_socket *socket, int fd);
	void *arg;
};

struct packed_preamble {
	struct address proxy;
	int64_t begun; /* clock_ms() */
	const void *held; /* of the header, what came so far */
	size_t held_size; /* at most PACKED_HELD_MOST */
	const char *greeting; /* as its listener had it, to be filled in; "": none */
};

/* Less than the longest header. */
#define PACKED_HELD_MOST 65551

#endif
