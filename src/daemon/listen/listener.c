/* A listener: see listener.h. */
#include "daemon/listen/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "daemon/listen/admission.h"
#include "daemon/listen/inherited.h"
#include "daemon/listen/kind.h"
#include "daemon/listen/paths/unix_place.h"

struct listener {
	const struct listener_kind *kind;
	const struct listen_config *config;
	struct bound bound;
	struct ledger *ledger;
};

/* --- life ----------------------------------------------------------------------- */

/* Frees all but the sockets and their services. */
static void
dispose(struct listener *listener)
{
	bound_free(&listener->bound);
	ledger_release(listener->ledger);
	free(listener);
}

/* Returns false when memory ran out. */
static bool
make_services(struct listener *listener, const struct listener_context *context)
{
	for (size_t i = 0; i < listener->bound.count; i++) {
		struct bound_socket *socket = &listener->bound.sockets[i];

		if (!socket->kept)
			socket->service = listener->kind->make(context, listener->ledger, socket);
		if (socket->service == NULL)
			return false;
	}
	return true;
}

static void
free_services(struct listener *listener)
{
	for (size_t i = 0; i < listener->bound.count; i++) {
		struct bound_socket *socket = &listener->bound.sockets[i];

		if (!socket->kept && socket->service != NULL)
			listener->kind->free(socket->service);
	}
}

struct listener *
listener_new(const struct listen_config *config, const struct bound *bound,
    const struct listener_context *context)
{
	struct listener *listener = calloc(1, sizeof(*listener));

	if (listener == NULL)
		return NULL;
	listener->kind = kind_of(config->protocol);
	listener->config = config;
	listener->bound = *bound;
	listener->ledger = census_open(context->census, config->name);
	if (listener->ledger != NULL && make_services(listener, context))
		return listener;
	free_services(listener);
	listener->bound = (struct bound){ 0 };
	dispose(listener);
	errno = ENOMEM;
	return NULL;
}

void
listener_free(struct listener *listener)
{
	if (listener == NULL)
		return;
	free_services(listener);
	bound_close(&listener->bound);
	dispose(listener);
}

void
listener_close(struct listener *listener)
{
	for (size_t i = 0; i < listener->bound.count; i++)
		listener->kind->close(listener->bound.sockets[i].service);
	dispose(listener);
}

/* --- serving ----------------------------------------------------------------------- */

void
listener_visit(const struct listener *listener, listener_visitor *visit, void *arg)
{
	const struct bound *bound = &listener->bound;

	for (size_t i = 0; i < bound->count; i++)
		if (bound_is_first(bound, i))
			visit(arg, listener->config->name, listener->config->protocol,
			    &bound->sockets[i]);
}

static void
log_listening(void *arg, const char *name, enum protocol protocol,
    const struct bound_socket *socket)
{
	(void)arg;
	(void)protocol;
	if (socket->kept)
		return;
	if (socket->inherited != NULL)
		log_notice("listening on %s (%s), inherited as %s", socket->uri, name,
		    socket->inherited->name);
	else
		log_notice("listening on %s (%s)", socket->uri, name);
}

void
listener_take_config(struct listener *listener, const struct listen_config *config)
{
	listener->config = config;
	if (listener->kind->take_config == NULL)
		return;
	for (size_t i = 0; i < listener->bound.count; i++)
		listener->kind->take_config(listener->bound.sockets[i].service, config);
}

void
listener_take_acl(struct listener *listener)
{
	if (listener->kind->take_acl == NULL)
		return;
	for (size_t i = 0; i < listener->bound.count; i++)
		listener->kind->take_acl(listener->bound.sockets[i].service);
}

void
listener_serve(struct listener *listener)
{
	listener_visit(listener, log_listening, NULL);
	listener->ledger->carries |= listener->kind->carries;
	for (size_t i = 0; i < listener->bound.count; i++) {
		if (!listener->bound.sockets[i].kept)
			listener->kind->serve(listener->bound.sockets[i].service);
		unix_place_settle(listener->bound.sockets[i].place);
		listener->bound.sockets[i].kept = false;
		listener->bound.sockets[i].twin = 0;
	}
}

/* A socket that was made anew has the same text: it was told just before. */
static bool
is_told(const struct bound *bound, const char *uri)
{
	for (size_t i = 0; i < bound->count; i++)
		if (strcmp(bound->sockets[i].uri, uri) == 0)
			return true;
	return false;
}

void
listener_leave(struct listener *listener, const struct listener *successor)
{
	const struct bound none = { 0 }, *stay = successor != NULL ? &successor->bound : &none;

	for (size_t i = 0; i < listener->bound.count; i++) {
		const struct bound_socket *socket = &listener->bound.sockets[i];

		if (bound_has_fd(stay, socket->fd))
			continue;
		if (bound_is_first(&listener->bound, i) && !is_told(stay, socket->uri))
			log_notice("no longer listening on %s (%s)", socket->uri,
			    listener->config->name);
		listener->kind->close(socket->service);
	}
	dispose(listener);
}

void
listener_leave_to(const struct listener *listener, const struct listener *other)
{
	const bool is_likewise = listener->config->protocol == other->config->protocol &&
	    listener->config->proxy_protocol == other->config->proxy_protocol;

	for (size_t i = 0; i < listener->bound.count; i++) {
		const struct bound_socket *socket = &listener->bound.sockets[i];

		if (bound_has_twin(&other->bound, socket->fd))
			listener->kind->leave(socket->service, is_likewise);
	}
}

void
listener_hand_on(const struct listener *listener, int fd)
{
	for (size_t i = 0; i < listener->bound.count; i++)
		if (listener->bound.sockets[i].fd == fd)
			listener->kind->leave(listener->bound.sockets[i].service, false);
}

/* --- from one process to another ------------------------------------------------------ */

int
listener_pack(const struct listener *listener, const struct packed_visitor *visitor)
{
	const struct listen_config *config = listener->config;
	const struct packed_listener packed = {
		.role = PACKED_ECHO,
		.name = config->name,
		.protocol = config->protocol,
		.place = protocol_has_ports(config->protocol) ? config->address : config->path,
		.port = config->port,
		.mode = (mode_t)config->mode,
		.owner = config->owner,
		.group = config->group,
		.greeting = config->greeting,
		.is_proxied = config->proxy_protocol,
	};

	if (visitor->listener(visitor->arg, &packed) == -1)
		return -1;
	return bound_pack(&listener->bound, visitor);
}

void
listener_let_go(struct listener *listener)
{
	for (size_t i = 0; i < listener->bound.count; i++)
		listener->kind->let_go(listener->bound.sockets[i].service);
	dispose(listener);
}

/* --- standing still ------------------------------------------------------------------- */

unsigned
listener_carries(const struct listener *listener)
{
	return listener->kind->carries;
}

void
listener_pause(struct listener *listener)
{
	if (listener->kind->pause == NULL)
		return;
	for (size_t i = 0; i < listener->bound.count; i++)
		listener->kind->pause(listener->bound.sockets[i].service);
}

void
listener_resume(struct listener *listener)
{
	if (listener->kind->resume == NULL)
		return;
	for (size_t i = 0; i < listener->bound.count; i++)
		listener->kind->resume(listener->bound.sockets[i].service);
}

/* --- what others may know ------------------------------------------------------------ */

bool
listener_is(const struct listener *listener, const struct listen_config *config)
{
	return config_is_same_listener(listener->config, config);
}

bool
listener_is_written(const struct listener *listener, const struct listen_config *config)
{
	return config_is_same_address(listener->config, config);
}

bool
listener_means(const struct listener *listener, const struct bound_socket *socket)
{
	struct endpoint_view endpoint = config_endpoint(listener->config);

	if (!protocol_has_ports(endpoint.protocol))
		return inherited_has_uri(socket->uri, &endpoint) &&
		    (socket->place == NULL || unix_place_is_there(socket->place));
	if (endpoint.port == 0)
		endpoint.port = address_port(&socket->address);
	return endpoint_covers(&endpoint, endpoint.protocol, &socket->address, socket->dual_stack);
}

const char *
listener_name(const struct listener *listener)
{
	return listener->config->name;
}

bool
listener_is_accepting(const struct listener *listener, bool *are_some)
{
	bool all = true;

	*are_some = listener->kind->accepts != NULL;
	for (size_t i = 0; *are_some && i < listener->bound.count; i++)
		all = all && listener->kind->accepts(listener->bound.sockets[i].service);
	return all;
}

/* Of a socket that listens these two of tcp(7) have another meaning. */
bool
listener_queue(const struct listener *listener, unsigned *length, unsigned *limit)
{
	struct tcp_info info;
	socklen_t size = sizeof(info);

	*length = *limit = 0;
	for (size_t i = 0; i < listener->bound.count; i++, size = sizeof(info)) {
		if (getsockopt(listener->bound.sockets[i].fd, IPPROTO_TCP, TCP_INFO, &info, &size) == -1)
			return false;
		*length += info.tcpi_unacked;
		*limit += info.tcpi_sacked;
	}
	return true;
}

void
listener_look(struct listener *listener)
{
	if (listener->kind->look == NULL)
		return;
	for (size_t i = 0; i < listener->bound.count; i++)
		listener->kind->look(listener->bound.sockets[i].service);
}

enum protocol
listener_protocol(const struct listener *listener)
{
	return listener->config->protocol;
}

const struct bound *
listener_sockets(const struct listener *listener)
{
	return &listener->bound;
}
