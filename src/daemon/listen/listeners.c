/* The listeners in force: see listeners.h. */
#include "daemon/listen/listeners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/datagram/guard.h"
#include "daemon/listen/admission.h"
#include "daemon/listen/kind.h"
#include "daemon/listen/listeners_internal.h"
#include "net/buffers.h"

struct listeners *
listeners_new(const struct listener_context *context)
{
	struct listeners *listeners = calloc(1, sizeof(*listeners));

	if (listeners != NULL)
		listeners->context = *context;
	return listeners;
}

void
listeners_free(struct listeners *listeners)
{
	if (listeners == NULL)
		return;
	listeners_drop_adopted(listeners);
	free(listeners);
}

static struct listener *
find(const struct set *set, const struct listen_config *config)
{
	for (size_t i = 0; i < set->count; i++)
		if (listener_is(set->members[i].listener, config))
			return set->members[i].listener;
	return NULL;
}

/* Who is in the place of `former`: itself, its successor, or NULL where it has none. */
static struct listener *
find_in_place_of(const struct set *set, const struct listener *former)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->members[i].former == former)
			return set->members[i].listener;
	return NULL;
}

static bool
has_fd(const struct set *set, int fd)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->members[i].listener != NULL &&
		    bound_has_fd(listener_sockets(set->members[i].listener), fd))
			return true;
	return false;
}

/* How many sockets a set has, and one: a set without any is no lack of memory. */
static size_t
room_for(const struct set *set)
{
	size_t count = 1;

	for (size_t i = 0; i < set->count; i++)
		count += listener_sockets(set->members[i].listener)->count;
	return count;
}

/* Adds those that are this daemon's own: what is done to an inherited one, its owner gets. */
static size_t
add_own(const struct bound *bound, int *fds, size_t count)
{
	for (size_t i = 0; i < bound->count; i++)
		if (bound->sockets[i].inherited == NULL)
			fds[count++] = bound->sockets[i].fd;
	return count;
}

/* Of a listener that seems to stay only what it still means stays. */
static bool
leaves(const struct set *next, const struct listener *listener, const struct bound_socket *socket)
{
	if (socket->inherited != NULL)
		return false;
	if (find_in_place_of(next, listener) == listener)
		return !listener_means(listener, socket);
	return !has_fd(next, socket->fd);
}

void
listeners_add_leaving(const struct listeners *listeners, enum protocol protocol,
    struct leaving *leaving)
{
	for (size_t i = 0; i < listeners->now.count; i++) {
		const struct listener *listener = listeners->now.members[i].listener;
		const struct bound *bound = listener_sockets(listener);

		if (!protocol_shares_addresses(listener_protocol(listener), protocol))
			continue;
		for (size_t s = 0; s < bound->count; s++)
			if (leaves(&listeners->next, listener, &bound->sockets[s]))
				leaving->sockets[leaving->count++] = &bound->sockets[s];
	}
}

/* Of the struct listeners that is its argument. */
static void
find_leaving(struct leaving *leaving, enum protocol protocol)
{
	leaving->count = 0;
	listeners_add_leaving(leaving->arg, protocol, leaving);
}

/* --- prepare -------------------------------------------------------------------------- */

/* What is being prepared. */
struct preparation {
	struct listeners *listeners;
	const struct config *config;
	const struct bound_socket **scratch; /* with room for all that there are */
};

/* The port that the kernel picked where port 0 is still written, or 0. */
static uint16_t
picked_port(const struct listen_config *listen, const struct listener *former, bool is_written)
{
	if (listen->port != 0 || !is_written)
		return 0;
	return address_port(&listener_sockets(former)->sockets[0].address);
}

static int
bind_anew(const struct preparation *preparation, const struct listen_config *listen,
    const struct listener *former, struct bound *bound, struct faults *faults)
{
	const struct listeners *listeners = preparation->listeners;
	const struct listener_kind *kind = kind_of(listen->protocol);
	const bool is_written = former != NULL && listener_is_written(former, listen);
	struct leaving leaving = {
		.sockets = preparation->scratch, .find = find_leaving, .arg = listeners,
		.is_adopted = listeners_are_adopted(listeners),
	};
	const struct binding binding = {
		.name = listen->name,
		.endpoint = config_endpoint(listen),
		.sockets = kind->sockets,
		.socket_buffer = preparation->config->limits.socket_buffer,
		.workers = workers_count(listeners->context.admission->workers),
		.inherited = listeners->context.inherited,
		.now = former != NULL ? listener_sockets(former) : NULL,
		.picked = picked_port(listen, former, is_written),
		.leaving = &leaving,
		.mode = (mode_t)listen->mode,
		.owner = listen->owner,
		.group = listen->group,
	};

	return kind->bind(&binding, bound, faults);
}

/*
 * Makes the listener of `listen`, which may be `former` as it is where its sockets are still
 * right.  Returns it, or NULL with a fault.
 */
static struct listener *
make(const struct preparation *preparation, const struct listen_config *listen,
    struct listener *former, struct faults *faults)
{
	struct listener *listener;
	struct bound bound;

	if (bind_anew(preparation, listen, former, &bound, faults) == -1)
		return NULL;
	if (former != NULL && bound_is_same(&bound, listener_sockets(former))) {
		bound_free(&bound);
		return former;
	}
	listener = listener_new(listen, &bound, &preparation->listeners->context);
	if (listener == NULL) {
		faults_add(faults, "cannot make listener %s: %s", listen->name, strerror(errno));
		bound_close(&bound);
	}
	return listener;
}

static bool
is_reached(const struct bound *bound)
{
	for (size_t i = 0; i < bound->count; i++)
		if (bound_is_reached(&bound->sockets[i]))
			return true;
	return false;
}

/* An inherited socket that is not, or not any more, what the address means; or NULL. */
static const struct bound_socket *
find_lost(const struct bound *bound, const struct endpoint_view *endpoint)
{
	for (size_t i = 0; i < bound->count; i++) {
		const struct bound_socket *socket = &bound->sockets[i];

		if (socket->inherited != NULL &&
		    (!bound_lives(socket->fd) || !inherited_belongs(socket->inherited, endpoint)))
			return socket;
	}
	return NULL;
}

/* It is not closed.  An inherited one may have its address in another network. */
static void
warn_of_absent(const char *name, const struct bound *bound)
{
	for (size_t i = 0; i < bound->count; i++) {
		const struct bound_socket *socket = &bound->sockets[i];

		if (socket->inherited == NULL && bound_is_first(bound, i) &&
		    !bound_is_at_home(&socket->address))
			log_warning("the host does not have the address of %s (%s) now: nothing "
			    "reaches it there", socket->uri, name);
	}
}

/*
 * What is written did not change: where what it means now cannot be had, that is no fault of
 * the file, and what there is goes on.
 */
static struct listener *
renew(const struct preparation *preparation, const struct listen_config *listen,
    struct listener *former)
{
	const struct endpoint_view endpoint = config_endpoint(listen);
	const struct bound *now = listener_sockets(former);
	const struct bound_socket *lost = find_lost(now, &endpoint);
	struct listener *listener = NULL;
	struct faults *faults = faults_new();

	if (faults == NULL)
		return former;
	if (lost != NULL)
		faults_add(faults, "the interface of %s (%s) is gone or another one, and the socket"
		    " is inherited as %s: restart its socket unit", lost->uri, listen->name,
		    lost->inherited->name);
	else
		listener = make(preparation, listen, former, faults);
	for (size_t i = 0; i < faults_count(faults); i++)
		log_warning("%s; the listener stays as it is%s", faults_get(faults, i),
		    is_reached(now) ? "" : ", which reaches nobody");
	faults_free(faults);
	if (listener == NULL)
		return former;
	warn_of_absent(listen->name, listener_sockets(listener));
	return listener;
}

/* Those that stay as they are written come first: what is left over may leave. */
static void
prepare_written(const struct preparation *preparation)
{
	struct listeners *listeners = preparation->listeners;

	for (size_t i = 0; i < listeners->next.count; i++) {
		struct member *member = &listeners->next.members[i];

		member->former = find(&listeners->now, &preparation->config->listen[i]);
		if (member->former != NULL &&
		    listener_is_written(member->former, &preparation->config->listen[i]))
			member->listener = member->former;
	}
}

/* Of another address only a listener that keeps sockets is in the place of the former one. */
static void
prepare_member(const struct preparation *preparation, size_t i, struct faults *faults)
{
	const struct listen_config *listen = &preparation->config->listen[i];
	struct member *member = &preparation->listeners->next.members[i];
	struct listener *const former = member->former;

	if (member->listener != NULL) {
		member->listener = NULL; /* its sockets may leave, too */
		member->listener = renew(preparation, listen, former);
		return;
	}
	member->listener = make(preparation, listen, former, faults);
	if (member->listener != former &&
	    (member->listener == NULL || !bound_keeps(listener_sockets(member->listener))))
		member->former = NULL;
}

/* True where another one of `next` has the address of `socket`. */
static bool
another_has(const struct set *next, const struct listener *listener,
    const struct bound_socket *socket)
{
	const enum protocol protocol = listener_protocol(listener);

	for (size_t i = 0; i < next->count; i++) {
		const struct listener *other = next->members[i].listener;

		if (other != NULL && other != listener &&
		    protocol_shares_addresses(listener_protocol(other), protocol) &&
		    bound_has_address(listener_sockets(other), &socket->address))
			return true;
	}
	return false;
}

/*
 * What a listener no longer means another one may have taken beside it; where it then has to
 * stay as it is, both cannot be.
 */
static void
check_stale(const struct listeners *listeners, struct faults *faults)
{
	for (size_t i = 0; i < listeners->next.count; i++) {
		const struct member *member = &listeners->next.members[i];
		const struct bound *bound;

		if (member->listener == NULL || member->listener != member->former)
			continue;
		bound = listener_sockets(member->listener);
		for (size_t s = 0; s < bound->count; s++)
			if (!listener_means(member->listener, &bound->sockets[s]) &&
			    another_has(&listeners->next, member->listener, &bound->sockets[s]))
				faults_add(faults, "%s is another listener's address now, and the"
				    " one that has it cannot be made anew",
				    bound->sockets[s].uri);
	}
}

static void
prepare_members(const struct preparation *preparation, struct faults *faults)
{
	struct listeners *listeners = preparation->listeners;

	listeners->next.count = preparation->config->listen_count;
	prepare_written(preparation);
	for (size_t i = 0; i < listeners->next.count; i++)
		prepare_member(preparation, i, faults);
	check_stale(listeners, faults);
}

int
listeners_prepare(struct listeners *listeners, const struct config *config, struct faults *faults)
{
	const size_t before = faults_count(faults);
	const struct preparation preparation = {
		.listeners = listeners,
		.config = config,
		.scratch = calloc(room_for(&listeners->now), sizeof(const struct bound_socket *)),
	};

	listeners->next.count = 0;
	listeners->next.members = calloc(config->listen_count, sizeof(struct member));
	if (preparation.scratch == NULL || listeners->next.members == NULL)
		faults_add(faults, "cannot make listeners: %s", strerror(errno));
	else
		prepare_members(&preparation, faults);
	free(preparation.scratch);
	if (faults_count(faults) == before)
		return 0;
	listeners_roll_back(listeners);
	return -1;
}

void
listeners_roll_back(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->next.count; i++)
		if (listeners->next.members[i].listener != listeners->next.members[i].former)
			listener_free(listeners->next.members[i].listener);
	free(listeners->next.members);
	listeners->next = (struct set){ 0, NULL };
}

size_t
listeners_prepared(const struct listeners *listeners, int **fds, size_t more)
{
	size_t count = 0;

	*fds = calloc(room_for(&listeners->next) + more, sizeof(**fds));
	for (size_t i = 0; *fds != NULL && i < listeners->next.count; i++)
		count = add_own(listener_sockets(listeners->next.members[i].listener), *fds, count);
	return count;
}

/* A datagram from a port on which we answer too would come back, and again. */
static void
refuse_own_ports(struct guard_rules *rules, const struct set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct listener *listener = set->members[i].listener;
		const struct bound *bound = listener_sockets(listener);

		if (protocol_is_stream(listener_protocol(listener)))
			continue;
		for (size_t s = 0; s < bound->count; s++) {
			const uint16_t port = address_port(&bound->sockets[s].address);

			guard_refuse(rules, port, port);
		}
	}
}

static void
set_guard(const struct listeners *listeners, const struct config *config)
{
	const struct port_list *ports = &config->udp.refuse_source_ports;
	struct guard_rules rules = {
		.max_datagram = (size_t)config->udp.max_datagram,
		.source_rate = (unsigned)config->limits.datagram_rate_per_source,
		.rate = (unsigned)config->limits.datagram_rate,
	};

	for (size_t i = 0; i < ports->count; i++)
		guard_refuse(&rules, ports->items[i].from, ports->items[i].to);
	refuse_own_ports(&rules, &listeners->next);
	guard_set(listeners->context.guard, &rules);
}

static void
set_buffers(const struct listener *listener, const struct config *config)
{
	const struct bound *bound = listener_sockets(listener);

	for (size_t i = 0; i < bound->count; i++)
		buffers_set(bound->sockets[i].fd, config->limits.socket_buffer);
}

static void
commit_member(const struct member *member, struct listeners_change *change)
{
	if (member->listener == member->former) {
		change->kept++;
		return;
	}
	listener_serve(member->listener);
	if (member->former != NULL)
		change->renewed++;
	else
		change->added++;
}

static void
leave(const struct set *next, struct listener *listener, struct listeners_change *change)
{
	const struct listener *successor = find_in_place_of(next, listener);

	if (successor == listener)
		return;
	listener_leave(listener, successor);
	if (successor == NULL)
		change->removed++;
}

/* Of those that leave, that which goes on in another listener is left alone. */
static void
leave_to_twins(const struct set *next, const struct listener *leaving)
{
	for (size_t i = 0; i < next->count; i++)
		listener_leave_to(leaving, next->members[i].listener);
}

void
listeners_hand_on(const struct listeners *listeners, int fd)
{
	for (size_t i = 0; i < listeners->now.count; i++)
		listener_hand_on(listeners->now.members[i].listener, fd);
}

struct listeners_change
listeners_commit(struct listeners *listeners, const struct config *config)
{
	const struct set before = listeners->now;
	struct listeners_change change = { 0 };

	/* Those that leave may still answer a few: the others' ports do not answer them. */
	set_guard(listeners, config);
	for (size_t i = 0; i < before.count; i++)
		leave_to_twins(&listeners->next, before.members[i].listener);
	listeners_serve_adopted(listeners);
	for (size_t i = 0; i < listeners->next.count; i++) {
		struct listener *listener = listeners->next.members[i].listener;

		listener_take_config(listener, &config->listen[i]);
		listener_take_acl(listener);
		set_buffers(listener, config);
		commit_member(&listeners->next.members[i], &change);
	}
	for (size_t i = 0; i < before.count; i++)
		leave(&listeners->next, before.members[i].listener, &change);
	listeners->now = listeners->next;
	listeners->next = (struct set){ 0, NULL };
	free(before.members);
	listeners_forget_adopted(listeners);
	return change;
}

void
listeners_close(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->now.count; i++)
		listener_close(listeners->now.members[i].listener);
	free(listeners->now.members);
	listeners->now = (struct set){ 0, NULL };
}

void
listeners_pause(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->now.count; i++)
		listener_pause(listeners->now.members[i].listener);
}

void
listeners_resume(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->now.count; i++)
		if (!(listener_carries(listeners->now.members[i].listener) & listeners->held))
			listener_resume(listeners->now.members[i].listener);
}

void
listeners_hold(struct listeners *listeners, unsigned carried)
{
	listeners->held = carried;
	for (size_t i = 0; i < listeners->now.count; i++)
		if (listener_carries(listeners->now.members[i].listener) & carried)
			listener_pause(listeners->now.members[i].listener);
	listeners_resume(listeners);
}

size_t
listeners_count(const struct listeners *listeners)
{
	return listeners->now.count;
}

const struct listener *
listeners_get(const struct listeners *listeners, size_t index)
{
	return index < listeners->now.count ? listeners->now.members[index].listener : NULL;
}

size_t
listeners_socket_count(const struct listeners *listeners)
{
	size_t count = 0;

	for (size_t i = 0; i < listeners->now.count; i++)
		count += listener_sockets(listeners->now.members[i].listener)->count;
	return count;
}

void
listeners_look(const struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->now.count; i++)
		listener_look(listeners->now.members[i].listener);
}

void
listeners_visit(const struct listeners *listeners, listener_visitor *visit, void *arg)
{
	for (size_t i = 0; i < listeners->now.count; i++)
		listener_visit(listeners->now.members[i].listener, visit, arg);
}
