/* The listeners in force: see listeners.h. */
#include "daemon/listen/listeners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/datagram/guard.h"
#include "daemon/listen/admission.h"
#include "daemon/listen/kind.h"
#include "net/buffers.h"

struct set {
	size_t count;
	struct listener **members;
};

struct listeners {
	struct listener_context context;
	struct set now;
	struct set next; /* prepared: those that stay, and new ones that do not serve yet */
};

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
	free(listeners);
}

static bool
has(const struct set *set, const struct listener *listener)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->members[i] == listener)
			return true;
	return false;
}

static struct listener *
find(const struct set *set, const struct listen_config *config)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->members[i] != NULL && listener_is(set->members[i], config))
			return set->members[i];
	return NULL;
}

/* Room for the descriptors of all sockets of `set`, or NULL; for free(). */
static int *
make_fds(const struct set *set)
{
	size_t count = 1; /* a set without sockets is no lack of memory */

	for (size_t i = 0; i < set->count; i++)
		count += listener_sockets(set->members[i])->count;
	return calloc(count, sizeof(int));
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

/* The sockets of those that do not stay and share addresses with `protocol`.  Returns how many. */
static size_t
find_leaving(const struct listeners *listeners, enum protocol protocol, int *fds)
{
	size_t count = 0;

	for (size_t i = 0; i < listeners->now.count; i++) {
		const struct listener *listener = listeners->now.members[i];

		if (!has(&listeners->next, listener) &&
		    protocol_shares_addresses(listener_protocol(listener), protocol))
			count = add_own(listener_sockets(listener), fds, count);
	}
	return count;
}

/* Binds one that is new.  Returns it, or NULL with a fault. */
static struct listener *
make(const struct listeners *listeners, const struct listen_config *listen,
    const struct config *config, int *fds, struct faults *faults)
{
	const struct listener_kind *kind = kind_of(listen->protocol);
	const struct binding binding = {
		.name = listen->name,
		.endpoint = config_endpoint(listen),
		.sockets = kind->sockets,
		.socket_buffer = config->limits.socket_buffer,
		.workers = workers_count(listeners->context.admission->workers),
		.inherited = listeners->context.inherited,
		.leaving = fds,
		.leaving_count = find_leaving(listeners, listen->protocol, fds),
	};
	struct listener *listener;
	struct bound bound;

	if (kind->bind(&binding, &bound, faults) == -1)
		return NULL;
	listener = listener_new(listen, &bound, &listeners->context);
	if (listener == NULL) {
		faults_add(faults, "cannot make listener %s: %s", listen->name, strerror(errno));
		bind_close(&bound);
	}
	return listener;
}

/* Those that stay are found first: what is left over is what leaves. */
static void
prepare_kept(struct listeners *listeners, const struct config *config)
{
	for (size_t i = 0; i < config->listen_count; i++)
		listeners->next.members[i] = find(&listeners->now, &config->listen[i]);
}

int
listeners_prepare(struct listeners *listeners, const struct config *config, struct faults *faults)
{
	const size_t before = faults_count(faults);
	int *fds = make_fds(&listeners->now);

	listeners->next.count = 0;
	listeners->next.members = calloc(config->listen_count, sizeof(struct listener *));
	if (fds == NULL || listeners->next.members == NULL) {
		faults_add(faults, "cannot make listeners: %s", strerror(errno));
	} else {
		listeners->next.count = config->listen_count;
		prepare_kept(listeners, config);
		for (size_t i = 0; i < config->listen_count; i++)
			if (listeners->next.members[i] == NULL)
				listeners->next.members[i] =
				    make(listeners, &config->listen[i], config, fds, faults);
	}
	free(fds);
	if (listeners->next.members != NULL && faults_count(faults) == before)
		return 0;
	listeners_roll_back(listeners);
	return -1;
}

void
listeners_roll_back(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->next.count; i++)
		if (!has(&listeners->now, listeners->next.members[i]))
			listener_free(listeners->next.members[i]);
	free(listeners->next.members);
	listeners->next = (struct set){ 0, NULL };
}

size_t
listeners_prepared(const struct listeners *listeners, int **fds)
{
	size_t count = 0;

	*fds = make_fds(&listeners->next);
	for (size_t i = 0; *fds != NULL && i < listeners->next.count; i++)
		count = add_own(listener_sockets(listeners->next.members[i]), *fds, count);
	return count;
}

/* A datagram from a port on which we answer too would come back, and again. */
static void
refuse_own_ports(struct guard_rules *rules, const struct set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct bound *bound = listener_sockets(set->members[i]);

		if (protocol_is_stream(listener_protocol(set->members[i])))
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

struct listeners_change
listeners_commit(struct listeners *listeners, const struct config *config)
{
	struct set before = listeners->now;
	struct listeners_change change = { 0, 0, 0 };

	/* Those that leave may still answer a few: the others' ports do not answer them. */
	set_guard(listeners, config);
	for (size_t i = 0; i < listeners->next.count; i++) {
		listener_take_config(listeners->next.members[i], &config->listen[i]);
		listener_take_acl(listeners->next.members[i]);
		set_buffers(listeners->next.members[i], config);
		if (has(&before, listeners->next.members[i])) {
			change.kept++;
		} else {
			listener_serve(listeners->next.members[i]);
			change.added++;
		}
	}
	for (size_t i = 0; i < before.count; i++)
		if (!has(&listeners->next, before.members[i])) {
			listener_close(before.members[i]);
			change.removed++;
		}
	listeners->now = listeners->next;
	listeners->next = (struct set){ 0, NULL };
	free(before.members);
	return change;
}

void
listeners_close(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->now.count; i++)
		listener_close(listeners->now.members[i]);
	free(listeners->now.members);
	listeners->now = (struct set){ 0, NULL };
}

void
listeners_resume(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->now.count; i++)
		listener_resume(listeners->now.members[i]);
}

size_t
listeners_count(const struct listeners *listeners)
{
	return listeners->now.count;
}

void
listeners_visit(const struct listeners *listeners, listener_visitor *visit, void *arg)
{
	for (size_t i = 0; i < listeners->now.count; i++)
		listener_visit(listeners->now.members[i], visit, arg);
}
