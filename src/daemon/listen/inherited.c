/* The sockets that a service manager opened for echod: see inherited.h. */
#include "daemon/listen/inherited.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/listen/bound.h"
#include "daemon/process/manager.h"

/* --- what a descriptor is --------------------------------------------------------- */

/* Returns -1 where `fd` does not have it. */
static int
get(int fd, int level, int option)
{
	int value;
	socklen_t length = sizeof(value);

	return getsockopt(fd, level, option, &value, &length) == 0 ? value : -1;
}

/* Finds out where it is bound.  Returns NULL, or what is wrong with that. */
static const char *
look_at_name(struct inherited_socket *socket)
{
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);
	char path[UNIX_NAME_SIZE];

	if (getsockname(socket->fd, (struct sockaddr *)&name, &length) == -1)
		return strerror(errno);
	if (!protocol_has_ports(socket->protocol)) {
		if (!unix_name_from_sockaddr(path, (struct sockaddr_un *)&name, length))
			return "has a path or name that cannot be written: give it one of "
			       "printable ASCII characters";
		endpoint_format(socket->protocol, path, 0, socket->uri, sizeof(socket->uri));
		return NULL;
	}
	address_from_sockaddr(&socket->address, (struct sockaddr *)&name, length);
	socket->dual_stack = socket->address.sa.sa_family == AF_INET6 &&
	    address_is_wildcard(&socket->address) &&
	    get(socket->fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0;
	endpoint_format_socket(socket->protocol, &socket->address, socket->dual_stack, socket->uri);
	return NULL;
}

const char *
inherited_look(struct inherited_socket *socket)
{
	const int type = get(socket->fd, SOL_SOCKET, SO_TYPE);

	socket->family = get(socket->fd, SOL_SOCKET, SO_DOMAIN);
	if (!protocol_of_socket(socket->family, type, get(socket->fd, SOL_SOCKET, SO_PROTOCOL),
	    &socket->protocol))
		return "is no TCP, UDP or Unix stream socket: echod serves ListenStream=, and "
		       "ListenDatagram= with a port";
	if (protocol_is_stream(socket->protocol) && get(socket->fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)
		return "is a connection: give its socket unit Accept=no";
	return look_at_name(socket);
}

/* --- life ------------------------------------------------------------------------- */

/* Takes over `fd`.  Returns NULL without memory, `fd` still the caller's. */
static struct inherited_socket *
add(struct inherited *inherited, int fd, const char *name)
{
	struct inherited_socket *sockets = reallocarray(inherited->sockets, inherited->count + 1,
	    sizeof(*sockets));
	char *copy = strdup(name);

	if (sockets != NULL)
		inherited->sockets = sockets;
	if (sockets == NULL || copy == NULL) {
		free(copy);
		return NULL;
	}
	sockets[inherited->count] = (struct inherited_socket){ .fd = fd, .name = copy };
	return &sockets[inherited->count++];
}

bool
inherited_add(struct inherited *inherited, int fd, const char *name, struct faults *faults)
{
	struct inherited_socket *added = add(inherited, fd, name);
	const char *fault;

	if (added == NULL) {
		close(fd);
		faults_blame(faults, ENOMEM);
		faults_add(faults, "%s", strerror(ENOMEM));
		return false;
	}
	fault = inherited_look(added);
	if (fault != NULL)
		faults_add(faults, "inherited descriptor %d (%s) %s", fd, name, fault);
	return fault == NULL;
}

void
inherited_free(struct inherited *inherited)
{
	if (inherited == NULL)
		return;
	for (size_t i = 0; i < inherited->count; i++) {
		close(inherited->sockets[i].fd);
		free(inherited->sockets[i].name);
	}
	free(inherited->sockets);
	free(inherited);
}

static void
add_parcel(struct inherited *inherited, int fd)
{
	if (inherited->parcel_count < INHERITED_PARCELS_MOST)
		inherited->parcels[inherited->parcel_count++] = fd;
	else
		close(fd); /* what is put there replaces what is */
}

static void
add_passed(struct inherited *inherited, struct faults *faults)
{
	char **names = NULL;
	int first, count = manager_take_sockets(&first, &names);

	if (count == -1) {
		faults_blame(faults, errno);
		faults_add(faults, "cannot take inherited sockets: %s", strerror(errno));
	}
	for (int i = 0; i < count; i++) {
		if (strcmp(names[i], MANAGER_PARCEL) == 0)
			add_parcel(inherited, first + i);
		else
			inherited_add(inherited, first + i, names[i], faults);
		free(names[i]);
	}
	free(names);
}

struct inherited *
inherited_take(struct faults *faults)
{
	const size_t before = faults_count(faults);
	struct inherited *inherited = calloc(1, sizeof(*inherited));

	if (inherited == NULL) {
		faults_blame(faults, ENOMEM);
		faults_add(faults, "%s", strerror(ENOMEM));
		return NULL;
	}
	add_passed(inherited, faults);
	if (faults_count(faults) == before)
		return inherited;
	inherited_free(inherited);
	return NULL;
}

int
inherited_pack(const struct inherited *inherited, const struct packed_visitor *visitor)
{
	const struct packed_socket nothing = { 0 };

	for (size_t i = 0; i < inherited->count; i++) {
		const struct inherited_socket *socket = &inherited->sockets[i];
		const struct packed_listener listener = {
			.role = PACKED_INHERITED, .name = socket->name, .protocol = socket->protocol,
			.place = "", .owner = "", .group = "", .greeting = "",
		};

		if (visitor->listener(visitor->arg, &listener) == -1 ||
		    visitor->socket(visitor->arg, &nothing, socket->fd) == -1)
			return -1;
	}
	return 0;
}

/* --- whose it is ------------------------------------------------------------------ */

bool
inherited_has_uri(const char *uri, const struct endpoint_view *endpoint)
{
	char text[ENDPOINT_TEXT_SIZE];

	return strcmp(endpoint_format_view(endpoint, text), uri) == 0;
}

bool
inherited_belongs(const struct inherited_socket *socket, const struct endpoint_view *endpoint)
{
	if (!protocol_has_ports(endpoint->protocol))
		return inherited_has_uri(socket->uri, endpoint);
	return endpoint_covers(endpoint, socket->protocol, &socket->address, socket->dual_stack);
}

static bool
is_served(const struct inherited_socket *socket, const struct config *config)
{
	struct endpoint_view observe[CONFIG_OBSERVE_MAX];

	for (size_t i = 0; i < config->listen_count; i++) {
		const struct endpoint_view endpoint = config_endpoint(&config->listen[i]);

		if (inherited_belongs(socket, &endpoint))
			return true;
	}
	for (size_t i = 0; i < config_observe_endpoints(config, observe); i++)
		if (inherited_belongs(socket, &observe[i]))
			return true;
	return false;
}

/* A listener may be what it is for once an interface is there. */
static bool
may_be_served(const struct inherited_socket *socket, const struct config *config)
{
	for (size_t i = 0; i < config->listen_count; i++) {
		const struct endpoint_view endpoint = config_endpoint(&config->listen[i]);

		if (protocol_has_ports(endpoint.protocol) &&
		    protocol_shares_addresses(endpoint.protocol, socket->protocol) &&
		    endpoint.port == address_port(&socket->address) &&
		    endpoint_cover(&endpoint).count == 0)
			return true;
	}
	return false;
}

/* The listener that the socket is named after, or NULL. */
static const struct listen_config *
find_namesake(const struct inherited_socket *socket, const struct config *config)
{
	for (size_t i = 0; i < config->listen_count; i++)
		if (strcmp(config->listen[i].name, socket->name) == 0)
			return &config->listen[i];
	return NULL;
}

/* What would be right, for the socket that nobody serves. */
static void
add_unserved(const struct inherited_socket *socket, const struct listen_config *namesake,
    struct faults *faults)
{
	struct endpoint_view endpoint;
	char uri[ENDPOINT_TEXT_SIZE];

	if (namesake == NULL) {
		faults_add(faults, "inherited socket %s (%s): no listener has that address: give "
		    "one to the configuration, or take it from the socket unit", socket->uri,
		    socket->name);
		return;
	}
	endpoint = config_endpoint(namesake);
	faults_add(faults, "inherited socket %s (%s): the listener of that name has %s: give "
	    "both the same address", socket->uri, socket->name,
	    endpoint_format_view(&endpoint, uri));
}

static void
add_dead(const struct inherited_socket *socket, struct faults *faults)
{
	faults_add(faults, "inherited socket %s (%s): its interface is gone, or was made anew: "
	    "restart its socket unit", socket->uri, socket->name);
}

void
inherited_check(const struct inherited *inherited, const struct config *config,
    struct faults *faults)
{
	for (size_t i = 0; i < inherited->count; i++) {
		const struct inherited_socket *socket = &inherited->sockets[i];

		if (!bound_lives(socket->fd))
			add_dead(socket, faults);
		else if (!is_served(socket, config))
			add_unserved(socket, find_namesake(socket, config), faults);
		else
			continue;
		if (!bound_lives(socket->fd) || may_be_served(socket, config))
			faults_blame(faults, ENODEV);
	}
}

void
inherited_tell_unserved(const struct inherited *inherited, const struct config *config)
{
	for (size_t i = 0; i < inherited->count; i++)
		if (!is_served(&inherited->sockets[i], config))
			log_warning("no listener has %s any more, inherited as %s: what arrives "
			    "there waits", inherited->sockets[i].uri, inherited->sockets[i].name);
}

const struct inherited_socket *
inherited_beside(const struct inherited *inherited, const struct endpoint_view *endpoint)
{
	for (size_t i = 0; i < inherited->count; i++) {
		const struct inherited_socket *socket = &inherited->sockets[i];

		if (protocol_shares_addresses(socket->protocol, endpoint->protocol) &&
		    address_port(&socket->address) == endpoint->port &&
		    !inherited_belongs(socket, endpoint))
			return socket;
	}
	return NULL;
}
