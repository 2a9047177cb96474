/* Turns a listener's configuration into sockets: see bind.h. */
#include "daemon/listen/bind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "net/buffers.h"
#include "net/socket_option.h"

/* How often "localhost" with port 0 looks for a port that is free on both addresses. */
#define PORT_TRIES 16

/* How many sockets one address has. */
static size_t
spread_of(const struct binding *binding)
{
	return binding->sockets->each_worker ? binding->workers : 1;
}

const struct leaving *
bind_leaving(const struct binding *binding)
{
	struct leaving *leaving = binding->leaving;

	if (!leaving->is_found)
		leaving->find(leaving, binding->endpoint.protocol);
	leaving->is_found = true;
	return leaving;
}

static void
set_reuse_port(const struct leaving *leaving, int fd, int value)
{
	socket_option_set(fd, SOL_SOCKET, SO_REUSEPORT, value);
	for (size_t i = 0; i < leaving->count; i++)
		socket_option_set(leaving->sockets[i]->fd, SOL_SOCKET, SO_REUSEPORT, value);
}

static int
claim(const struct binding *binding, int fd, const struct address *address)
{
	if (bind(fd, &address->sa, address_length(address)) == -1)
		return -1;
	return binding->sockets->accepts ? listen(fd, SOCKETS_BACKLOG) : 0;
}

/*
 * Claims the address for `fd`.  One that one of our own leaving sockets holds is shared for
 * this moment: both sides need SO_REUSEPORT for it and must belong to one user.  Neither
 * keeps it but those that share their address with the other workers' in any case.
 */
static int
claim_beside_leaving(const struct binding *binding, int fd, const struct address *address)
{
	int result = claim(binding, fd, address), error;
	const struct leaving *leaving;

	if (result == 0 || errno != EADDRINUSE)
		return result;
	leaving = bind_leaving(binding);
	if (leaving->count == 0) {
		errno = EADDRINUSE;
		return result;
	}
	set_reuse_port(leaving, fd, 1);
	result = claim(binding, fd, address);
	error = errno;
	set_reuse_port(leaving, fd, spread_of(binding) > 1);
	errno = error;
	return result;
}

/*
 * Each worker's socket for datagrams is bound to the same address: the kernel spreads the
 * sources over them.  The first is bound without SO_REUSEPORT, so that an address which
 * somebody has is told, whoever that is; it gets the option for those that follow.
 * All keep it: a kernel that finds the option cleared on the socket that it meets first
 * no longer spreads, and one that finds it set lets sockets of the same user join (socket(7)).
 */
static int
claim_for_one_of(const struct binding *binding, int fd, const struct address *address, size_t place)
{
	if (place > 0)
		socket_option_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (claim_beside_leaving(binding, fd, address) == -1)
		return -1;
	if (spread_of(binding) > 1)
		socket_option_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	return 0;
}

static int
bind_socket(const struct binding *binding, int fd, const struct address *address, bool dual_stack,
    size_t place)
{
	if (address->sa.sa_family == AF_INET6)
		socket_option_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, !dual_stack);
	binding->sockets->prepare(fd, address->sa.sa_family);
	buffers_set(fd, binding->socket_buffer);
	return claim_for_one_of(binding, fd, address, place);
}

/* `is_any`: its URI says "*". */
static void
add_bound(const struct binding *binding, const struct bound_socket *socket, bool is_any,
    struct bound *bound)
{
	struct bound_socket *added = &bound->sockets[bound->count++];

	*added = *socket;
	endpoint_format_socket(binding->endpoint.protocol, &added->address, is_any, added->uri);
}

static void
add_kept(const struct bound_socket *socket, struct bound *bound)
{
	bound->sockets[bound->count] = *socket;
	bound->sockets[bound->count++].kept = true;
}

/* Adds the socket that is at `place` of those of its address.  Returns 0, or -1 with errno. */
static int
add_socket(const struct binding *binding, const struct address *address, bool dual_stack,
    size_t place, struct bound *bound)
{
	const int type = protocol_socket_type(binding->endpoint.protocol);
	const int fd = socket(address->sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct bound_socket made = { .fd = fd, .dual_stack = dual_stack, .worker = place };
	struct sockaddr_in6 name;
	socklen_t length = sizeof(name);
	int error;

	if (fd == -1)
		return -1;
	if (bind_socket(binding, fd, address, dual_stack, place) == -1 ||
	    getsockname(fd, (struct sockaddr *)&name, &length) == -1) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	address_from_sockaddr(&made.address, (struct sockaddr *)&name, length);
	add_bound(binding, &made, endpoint_is_any(binding->endpoint.host), bound);
	return 0;
}

/*
 * Adds all sockets that there are of one address, and no other.  Another process may have had more
 * workers: what is too many is answered by those that there are, since closing a socket would lose
 * what arrives there.  It may have had fewer: what another socket got before it is read would be lost
 * with this process.  Returns false where there is none.
 */
static bool
keep_address(const struct binding *binding, const struct address *address, bool dual_stack,
    struct bound *bound)
{
	const struct bound *now = binding->now;

	if (now == NULL || bound_find(now, address, dual_stack) == NULL)
		return false;
	for (size_t i = 0; i < now->count; i++)
		if (address_equal(&now->sockets[i].address, address))
			add_kept(&now->sockets[i], bound);
	return true;
}

static int
add_twin(const struct binding *binding, const struct bound_socket *leaving, struct bound *bound)
{
	struct bound_socket made = {
		.fd = fcntl(leaving->fd, F_DUPFD_CLOEXEC, 0),
		.address = leaving->address,
		.dual_stack = leaving->dual_stack,
		.worker = leaving->worker,
		.twin = leaving->fd,
	};

	if (made.fd == -1)
		return -1;
	add_bound(binding, &made, endpoint_is_any(binding->endpoint.host), bound);
	return 0;
}

/*
 * Goes on with those that another process serves at the address, all of them: who comes there
 * until this one serves is that one's, and if this one fails nobody is lost.  Returns whether there
 * is one, or -1 with errno.
 */
static int
go_on(const struct binding *binding, const struct address *address, bool dual_stack,
    struct bound *bound)
{
	const struct leaving *leaving = binding->leaving->is_adopted ? bind_leaving(binding) : NULL;
	const size_t first = bound->count;

	for (size_t i = 0; leaving != NULL && i < leaving->count; i++) {
		const struct bound_socket *socket = leaving->sockets[i];

		if (socket->dual_stack != dual_stack || !address_equal(&socket->address, address) ||
		    !bound_lives(socket->fd))
			continue;
		if (add_twin(binding, socket, bound) == -1) {
			bound_close_behind(bound, first);
			return -1;
		}
	}
	return bound->count > first;
}

/* Adds all sockets of one address to *bound, or none.  Returns 0, or -1 with errno. */
static int
add_address(const struct binding *binding, const struct address *address, bool dual_stack,
    struct bound *bound)
{
	const size_t first = bound->count;
	struct address same = *address;
	int result;

	if (keep_address(binding, address, dual_stack, bound))
		return 0;
	result = go_on(binding, address, dual_stack, bound);
	if (result != 0)
		return result == 1 ? 0 : -1;
	for (size_t place = 0; place < spread_of(binding); place++) {
		if (add_socket(binding, &same, dual_stack, place, bound) == -1) {
			bound_close_behind(bound, first);
			return -1;
		}
		same = bound->sockets[first].address; /* with the port that the kernel picked */
	}
	return 0;
}

/* Tells errors of a kernel without that family from errors of the address. */
static bool
family_is_missing(int error)
{
	return error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
}

static int
bind_dual_stack(const struct binding *binding, const struct endpoint_cover *cover,
    struct bound *bound)
{
	if (bound->count > 0 || add_address(binding, &cover->addresses[0], true, bound) == 0)
		return 0;
	if (!family_is_missing(errno))
		return -1;
	return add_address(binding, &cover->addresses[1], false, bound);
}

/* --- inherited -------------------------------------------------------------------- */

/*
 * All that a socket of our own gets, but for the buffers: a listener that runs may have the
 * socket too, and a reload that fails changes nothing.
 */
static void
prepare_inherited(const struct socket_kind *sockets, const struct inherited_socket *socket)
{
	const int flags = fcntl(socket->fd, F_GETFL);

	if (flags == -1 || fcntl(socket->fd, F_SETFL, flags | O_NONBLOCK) == -1)
		log_debug("fcntl(O_NONBLOCK): %s", strerror(errno));
	sockets->prepare(socket->fd, (sa_family_t)socket->family);
	sockets->adopt(socket->fd);
}

/* Whose the next socket is: sockets of one address are for different workers, as addresses are. */
static size_t
next_worker(const struct binding *binding, const struct bound *bound, const struct address *address)
{
	for (size_t i = bound->count; i > 0; i--)
		if (address_equal(&bound->sockets[i - 1].address, address))
			return (bound->sockets[i - 1].worker + 1) % binding->workers;
	return bound->count % binding->workers;
}

/* The one that the listener already has of it, or NULL. */
static const struct bound_socket *
find_taken(const struct bound *now, const struct inherited_socket *inherited)
{
	for (size_t i = 0; now != NULL && i < now->count; i++)
		if (now->sockets[i].inherited == inherited)
			return &now->sockets[i];
	return NULL;
}

/* Several protocols may speak over such a socket: its listener knows which does. */
static void
name_inherited(const struct binding *binding, struct bound_socket *socket)
{
	const enum protocol protocol = binding->endpoint.protocol;

	if (protocol_has_ports(protocol))
		endpoint_format_socket(protocol, &socket->address, socket->dual_stack, socket->uri);
	else
		memcpy(socket->uri, socket->inherited->uri, sizeof(socket->uri));
}

/* Adds a duplicate.  Returns 0, or -1 with errno. */
static int
take(const struct binding *binding, const struct inherited_socket *socket, struct bound *bound)
{
	struct bound_socket made = {
		.fd = fcntl(socket->fd, F_DUPFD_CLOEXEC, 0),
		.address = socket->address,
		.dual_stack = socket->dual_stack,
		.worker = next_worker(binding, bound, &socket->address),
		.inherited = socket,
	};

	if (made.fd == -1)
		return -1;
	prepare_inherited(binding->sockets, socket);
	name_inherited(binding, &made);
	bound->sockets[bound->count++] = made;
	return 0;
}

/*
 * Each as it is: one worker answers the datagrams of one socket.  More of ours could share its
 * address only as the same user and would keep datagrams from who comes after; more workers at
 * the same socket would answer the datagrams of one source out of order.
 */
int
bind_add_inherited(const struct binding *binding, struct bound *bound)
{
	for (size_t i = 0; i < binding->inherited->count; i++) {
		const struct inherited_socket *socket = &binding->inherited->sockets[i];
		const struct bound_socket *taken = find_taken(binding->now, socket);

		if (!inherited_belongs(socket, &binding->endpoint))
			continue;
		if (taken != NULL) {
			add_kept(taken, bound);
		} else if (take(binding, socket, bound) == -1) {
			bound_close_behind(bound, 0);
			return -1;
		}
	}
	return 0;
}

/* --- a listener ------------------------------------------------------------------- */

/*
 * Tells, by errno of bind(2), that the host does not have it.  Who may not have the port is not
 * told about the address.
 */
static bool
is_missing(const struct address *address)
{
	return family_is_missing(errno) || (errno == EACCES && !bound_is_at_home(address));
}

/* "localhost" is whatever of its two addresses the host has, on one port.  As bind_cover(). */
static int
bind_each(const struct binding *binding, const struct endpoint_cover *cover, struct bound *bound,
    struct address *at)
{
	for (size_t i = 0; i < cover->count; i++) {
		*at = cover->addresses[i];
		if (bound->count > 0)
			address_set_port(at, address_port(&bound->sockets[0].address));
		if (!bound_has_address(bound, at) &&
		    add_address(binding, at, false, bound) == -1 &&
		    !(cover->count > 1 && is_missing(at))) {
			bound_close_behind(bound, 0);
			return -1;
		}
	}
	return bound->count > 0 ? 0 : -1;
}

/* What the endpoint means now, on the port that it has. */
static struct endpoint_cover
cover_now(const struct binding *binding)
{
	struct endpoint_cover cover = endpoint_cover(&binding->endpoint);

	for (size_t i = 0; binding->picked != 0 && i < cover.count; i++)
		address_set_port(&cover.addresses[i], binding->picked);
	return cover;
}

/* Returns 0, or -1 with errno and the address that cannot be had in *at, which may be none. */
static int
bind_cover(const struct binding *binding, struct bound *bound, struct address *at)
{
	const struct endpoint_cover cover = cover_now(binding);
	int tries = PORT_TRIES;

	if (cover.count == 0) {
		errno = ENODEV; /* the interface of a link-local address */
		return -1;
	}
	*at = cover.addresses[0];
	if (bind_add_inherited(binding, bound) == -1)
		return -1;
	if (cover.dual_stack)
		return bind_dual_stack(binding, &cover, bound);
	while (bind_each(binding, &cover, bound, at) == -1)
		if (errno != EADDRINUSE || address_port(&cover.addresses[0]) != 0 || --tries == 0)
			return -1;
	return 0;
}

/* What could not be had: all of the endpoint, or an address of it. */
static const char *
format_at(const struct binding *binding, const struct address *at, char uri[ENDPOINT_TEXT_SIZE])
{
	if (at->sa.sa_family == AF_UNSPEC)
		return endpoint_format_view(&binding->endpoint, uri);
	return endpoint_format_socket(binding->endpoint.protocol, at,
	    endpoint_is_any(binding->endpoint.host), uri);
}

/* What would be right, or "". */
static const char *
hint(const struct binding *binding, int error, char *text, size_t size)
{
	const struct inherited_socket *beside =
	    inherited_beside(binding->inherited, &binding->endpoint);
	const uint16_t port = binding->endpoint.port;

	*text = '\0';
	if (error == EADDRINUSE && beside != NULL)
		snprintf(text, size, "; %s is inherited (%s): give the listener that address",
		    beside->uri, beside->name);
	else if (error == EACCES && port != 0 && port < 1024)
		snprintf(text, size, "; a port below 1024 needs root or CAP_NET_BIND_SERVICE");
	else if (error == EAFNOSUPPORT && binding->inherited->count > 0)
		snprintf(text, size, "; this service may only have the sockets of its socket unit");
	else if (error == EADDRNOTAVAIL)
		snprintf(text, size, "; the host does not have this address now");
	return text;
}

int
bind_listener(const struct binding *binding, struct bound *bound, struct faults *faults)
{
	const size_t most = ENDPOINT_ADDRESSES_MAX * spread_of(binding) + binding->inherited->count +
	    (binding->now != NULL ? binding->now->count : 0) +
	    (binding->leaving->is_adopted ? bind_leaving(binding)->count : 0);
	struct address at = { .sa.sa_family = AF_UNSPEC };
	char uri[ENDPOINT_TEXT_SIZE], text[256];
	int error;

	*bound = (struct bound){ .sockets = calloc(most, sizeof(*bound->sockets)) };
	if (bound->sockets != NULL && bind_cover(binding, bound, &at) == 0)
		return 0;
	error = errno;
	bound_free(bound);
	faults_add(faults, "cannot listen on %s (%s): %s%s",
	    format_at(binding, &at, uri), binding->name, strerror(error),
	    hint(binding, error, text, sizeof(text)));
	errno = error;
	return -1;
}
