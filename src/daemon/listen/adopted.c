/* Listeners that come from another process, or go to one: see listeners.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/listen/admission.h"
#include "daemon/listen/inherited.h"
#include "daemon/listen/listeners_internal.h"
#include "daemon/listen/paths/unix_place.h"

/* --- giving ------------------------------------------------------------------------ */

int
listeners_pack(const struct listeners *listeners, const struct packed_visitor *visitor)
{
	for (size_t i = 0; i < listeners->now.count; i++)
		if (listener_pack(listeners->now.members[i].listener, visitor) == -1)
			return -1;
	return 0;
}

void
listeners_let_go(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->now.count; i++)
		listener_let_go(listeners->now.members[i].listener);
	free(listeners->now.members);
	listeners->now = (struct set){ 0, NULL };
}

/* --- a socket that comes ------------------------------------------------------------- */

/* Returns NULL, or what is wrong with it. */
static const char *
look_at(const struct packed_listener *packed, int fd, struct bound_socket *socket)
{
	struct inherited_socket found = { .fd = fd };
	const char *fault = inherited_look(&found);

	if (fault != NULL)
		return fault;
	if (protocol_socket_type(found.protocol) != protocol_socket_type(packed->protocol) ||
	    protocol_has_ports(found.protocol) != protocol_has_ports(packed->protocol))
		return "is a socket of another kind";
	socket->fd = fd;
	socket->address = found.address;
	socket->dual_stack = found.dual_stack;
	if (protocol_has_ports(packed->protocol))
		endpoint_format_socket(packed->protocol, &found.address,
		    endpoint_is_any(packed->place), socket->uri);
	else
		endpoint_format(packed->protocol, packed->place, 0, socket->uri, sizeof(socket->uri));
	return NULL;
}

const char *
listeners_adopt_socket(const struct packed_listener *packed, const struct packed_socket *of,
    int fd, size_t workers, struct bound_socket *socket)
{
	const char *fault;

	*socket = (struct bound_socket){ .fd = fd, .worker = of->worker % workers };
	fault = look_at(packed, fd, socket);
	if (fault != NULL || protocol_has_ports(packed->protocol))
		return fault;
	socket->place = unix_place_adopt(packed->place, of);
	return socket->place != NULL ? NULL : strerror(ENOMEM);
}

/* --- a listener that comes ------------------------------------------------------------ */

static void
free_config(struct listen_config *config)
{
	free(config->name);
	free(config->address);
	free(config->path);
	free(config->owner);
	free(config->group);
	free(config->greeting);
}

/*
 * All that a reload compares with what is to follow it, and what those get that wait in its queue;
 * but for what TLS and proxies need, without which they are refused.  Returns false without memory.
 */
static bool
make_config(struct listen_config *config, const struct packed_listener *packed)
{
	const bool has_ports = protocol_has_ports(packed->protocol);

	*config = (struct listen_config){
		.name = strdup(packed->name),
		.protocol = packed->protocol,
		.address = strdup(has_ports ? packed->place : "*"),
		.port = packed->port,
		.path = strdup(has_ports ? "" : packed->place),
		.mode = (int)packed->mode,
		.owner = strdup(packed->owner),
		.group = strdup(packed->group),
		.proxy_protocol = packed->is_proxied,
		.greeting = strdup(packed->greeting),
	};
	if (config->name != NULL && config->address != NULL && config->path != NULL &&
	    config->owner != NULL && config->group != NULL && config->greeting != NULL)
		return true;
	free_config(config);
	return false;
}

/* Returns one that stays where it is, since its listener points to it, or NULL. */
static struct listen_config *
add_config(struct listeners *listeners, const struct packed_listener *packed)
{
	const size_t count = listeners->adopted_count;
	struct listen_config **adopted =
	    reallocarray(listeners->adopted, count + 1, sizeof(struct listen_config *));

	if (adopted == NULL)
		return NULL;
	listeners->adopted = adopted;
	adopted[count] = malloc(sizeof(struct listen_config));
	if (adopted[count] == NULL || !make_config(adopted[count], packed)) {
		free(adopted[count]);
		return NULL;
	}
	listeners->adopted_count++;
	return adopted[count];
}

/* Returns false without memory. */
static bool
add_listener(struct listeners *listeners, const struct packed_listener *packed,
    const struct bound *bound)
{
	struct set *now = &listeners->now;
	const struct listen_config *config = add_config(listeners, packed);
	struct member *members = reallocarray(now->members, now->count + 1, sizeof(*members));
	struct listener *listener = NULL;

	if (members != NULL)
		now->members = members;
	if (members != NULL && config != NULL)
		listener = listener_new(config, bound, &listeners->context);
	if (listener == NULL)
		return false;
	listener_take_config(listener, config);
	members[now->count++] = (struct member){ listener, NULL };
	return true;
}

/* They are still the other process's. */
static void
drop(struct bound *bound)
{
	for (size_t i = 0; i < bound->count; i++) {
		unix_place_let_go(bound->sockets[i].place);
		close(bound->sockets[i].fd);
	}
	bound_free(bound);
}

/* Returns false with a fault. */
static bool
fill(struct bound *bound, const struct packed_listener *packed, const struct packed_socket *sockets,
    const int *fds, size_t count, size_t workers, struct faults *faults)
{
	bool is_right = true;

	for (; bound->count < count; bound->count++) {
		const size_t i = bound->count;
		const char *fault = listeners_adopt_socket(packed, &sockets[i], fds[i], workers,
		    &bound->sockets[i]);

		if (fault != NULL)
			faults_add(faults, "the socket of %s that was handed over %s", packed->name,
			    fault);
		is_right = is_right && fault == NULL;
	}
	return is_right;
}

static bool
lack_memory(const struct packed_listener *packed, struct faults *faults)
{
	faults_blame(faults, ENOMEM);
	faults_add(faults, "cannot take over %s: %s", packed->name, strerror(ENOMEM));
	return false;
}

bool
listeners_adopt(struct listeners *listeners, const struct packed_listener *packed,
    const struct packed_socket *sockets, const int *fds, size_t count, struct faults *faults)
{
	const size_t workers = workers_count(listeners->context.admission->workers);
	struct bound bound = { .sockets = calloc(count, sizeof(*bound.sockets)) };
	bool is_right;

	if (bound.sockets == NULL) {
		for (size_t i = 0; i < count; i++)
			close(fds[i]);
		return lack_memory(packed, faults);
	}
	is_right = fill(&bound, packed, sockets, fds, count, workers, faults);
	if (is_right && add_listener(listeners, packed, &bound))
		return true;
	drop(&bound);
	return is_right ? lack_memory(packed, faults) : false;
}

/* --- from then to the first commit ------------------------------------------------------ */

bool
listeners_are_adopted(const struct listeners *listeners)
{
	return listeners->adopted_count > 0;
}

void
listeners_serve_adopted(struct listeners *listeners)
{
	if (!listeners_are_adopted(listeners))
		return;
	for (size_t i = 0; i < listeners->now.count; i++) {
		listener_take_acl(listeners->now.members[i].listener);
		listener_serve(listeners->now.members[i].listener);
	}
}

void
listeners_forget_adopted(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->adopted_count; i++) {
		free_config(listeners->adopted[i]);
		free(listeners->adopted[i]);
	}
	free(listeners->adopted);
	listeners->adopted = NULL;
	listeners->adopted_count = 0;
}

void
listeners_drop_adopted(struct listeners *listeners)
{
	if (!listeners_are_adopted(listeners))
		return;
	for (size_t i = 0; i < listeners->now.count; i++)
		listener_free(listeners->now.members[i].listener);
	free(listeners->now.members);
	listeners->now = (struct set){ 0, NULL };
	listeners_forget_adopted(listeners);
}
