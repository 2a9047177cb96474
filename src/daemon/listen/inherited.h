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

struct inherited {
	size_t count;
	struct inherited_socket sockets[];
};

/*
 * Takes over `count` descriptors from `first` on, close-on-exec, whose names are in
 * `names`, which it copies.  Returns them, or NULL with a fault for each that is no
 * socket to serve.  inherited_free() frees it and closes the descriptors.
 */
struct inherited *inherited_new(int first, size_t count, char *const *names,
    struct faults *faults);
void inherited_free(struct inherited *inherited);

/* The same of what the service manager passes (manager.h): once, at start. */
struct inherited *inherited_take(struct faults *faults);

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
