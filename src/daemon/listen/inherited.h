/*
 * The sockets that a service manager opened for echod (systemd.socket(5)).
 *
 * They stay the manager's: it holds their addresses whether echod runs or not, and what
 * arrives while nobody reads waits for the next one.  So echod keeps its descriptors for
 * as long as it runs, and a listener serves a duplicate: a reload that has the listener
 * again finds the socket again, where bind(2) would find the address in use.
 */
#ifndef DAEMON_LISTEN_INHERITED_H
#define DAEMON_LISTEN_INHERITED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/faults.h"
#include "daemon/config/config.h"
#include "daemon/listen/packed.h"
#include "net/address.h"
#include "net/endpoint.h"

struct inherited_socket {
	int fd;
	char *name; /* FileDescriptorName=, by default that of the socket unit */
	enum protocol protocol; /* the first of those over such sockets */
	/* AF_INET, AF_UNIX, or AF_INET6, which may have an IPv4 address in v4-mapped form. */
	int family;
	bool dual_stack;
	struct address address; /* AF_UNSPEC of a Unix socket */
	char uri[ENDPOINT_SOCKET_SIZE]; /* with "*" for the address of one that is dual-stack */
};

/* One that restarts leaves one, which may be empty; more are looked at in case. */
#define INHERITED_PARCELS_MOST 4

struct inherited {
	size_t count;
	struct inherited_socket *sockets;
	/* What the manager kept for this process, by the name of MANAGER_PARCEL: whoever looks at them
	 * takes them over. */
	int parcels[INHERITED_PARCELS_MOST];
	size_t parcel_count;
};

/*
 * Takes what the service manager passes (manager.h): once, at start.  Returns the sockets, none
 * perhaps, or NULL with a fault for each that is no socket to serve.  inherited_free() frees it and
 * closes the descriptors.
 */
struct inherited *inherited_take(struct faults *faults);
void inherited_free(struct inherited *inherited);

/*
 * Before any is served: takes over another one, close-on-exec, of that name.  Returns false with a
 * fault, `fd` taken over all the same.
 */
bool inherited_add(struct inherited *inherited, int fd, const char *name, struct faults *faults);

/*
 * Finds out what socket->fd is, all but its name.  Returns NULL, or what is wrong with it, for a
 * sentence that begins with the descriptor.
 */
const char *inherited_look(struct inherited_socket *socket);

/* Has each of them packed, for an echod that no manager started. */
int inherited_pack(const struct inherited *inherited, const struct packed_visitor *visitor);

/* True where `uri`, of a Unix socket, is that of `endpoint`. */
bool inherited_has_uri(const char *uri, const struct endpoint_view *endpoint);

/* True for a socket that a listener on `endpoint` serves: it is one of those that it means. */
bool inherited_belongs(const struct inherited_socket *socket,
    const struct endpoint_view *endpoint);

/*
 * Adds a fault for each socket that belongs to no listener of `config`: nobody would read it; and
 * for each that is dead.  Where an interface is missing, it may pass.
 */
void inherited_check(const struct inherited *inherited, const struct config *config,
    struct faults *faults);

/* Says in the log of each that has none: what arrives there waits. */
void inherited_tell_unserved(const struct inherited *inherited, const struct config *config);

/*
 * The first of those that are beside `endpoint`, on its port, or NULL: where an address
 * is in use, that is whose it is.
 */
const struct inherited_socket *inherited_beside(const struct inherited *inherited,
    const struct endpoint_view *endpoint);

#endif
