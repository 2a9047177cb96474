/* Where the HTTP server listens: see http_listeners.h. */
#include "daemon/observe/http_listeners.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/listen/kind.h"
#include "daemon/listen/listeners.h"
#include "daemon/listen/paths/unix_place.h"
#include "daemon/threads/loop.h"

/* How many connections one turn accepts, so that a flood does not starve all else. */
#define ACCEPTS_PER_TURN 16

/* How long it waits where descriptors or memory ran out: ms. */
#define RETRY 250

/* The service of a socket. */
struct door {
	struct http_server *server;
	struct event *acceptable, *retry;
};

struct http_listener {
	struct endpoint_view endpoint;
	mode_t mode;
	struct bound bound;
	char *host; /* of the endpoint, where that is no configuration's; or NULL */
};

struct set {
	size_t count;
	struct http_listener members[HTTP_PLACES_MAX];
};

struct http_listeners {
	struct event_base *base;
	struct http_server *server;
	const struct inherited *inherited;
	const struct listeners *others;
	struct set now, next;
	bool is_adopted; /* until the first commit those of `now` are another process's */
};

/* --- accepting --------------------------------------------------------------------------- */

static void
wait_and_retry(struct door *door, int error)
{
	log_error_limited("cannot accept connections to %s: %s; they wait", HTTP_LISTENERS_NAME,
	    strerror(error));
	event_del(door->acceptable);
	loop_set_timer(door->retry, RETRY);
}

static void
begin(struct door *door)
{
	if (event_add(door->acceptable, NULL) == -1)
		wait_and_retry(door, errno);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	begin(arg);
}

/* Whatever ended a connection before it was accepted is its own matter. */
static void
on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct door *door = arg;

	(void)what;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		const int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (accepted != -1) {
			http_server_take(door->server, accepted);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			wait_and_retry(door, errno);
			return;
		} else if (errno == EAGAIN) {
			return;
		}
	}
}

static void
door_free(struct door *door)
{
	if (door == NULL)
		return;
	if (door->acceptable != NULL)
		event_free(door->acceptable);
	if (door->retry != NULL)
		event_free(door->retry);
	free(door);
}

static struct door *
door_new(const struct http_listeners *listeners, int fd)
{
	struct door *door = calloc(1, sizeof(*door));

	if (door == NULL)
		return NULL;
	door->server = listeners->server;
	door->acceptable =
	    event_new(listeners->base, fd, EV_READ | EV_PERSIST, on_acceptable, door);
	door->retry = evtimer_new(listeners->base, on_retry, door);
	if (door->acceptable != NULL && door->retry != NULL)
		return door;
	door_free(door);
	return NULL;
}

/* --- prepare ------------------------------------------------------------------------------- */

/*
 * Those of the listeners, and all that are here and not inherited: what is kept of them nobody else
 * can want.
 */
static void
find_leaving(struct leaving *leaving, enum protocol protocol)
{
	const struct http_listeners *listeners = leaving->arg;

	leaving->count = 0;
	listeners_add_leaving(listeners->others, protocol, leaving);
	for (size_t i = 0; i < listeners->now.count; i++) {
		const struct http_listener *listener = &listeners->now.members[i];

		if (!protocol_shares_addresses(listener->endpoint.protocol, protocol))
			continue;
		for (size_t s = 0; s < listener->bound.count; s++)
			if (listener->bound.sockets[s].inherited == NULL)
				leaving->sockets[leaving->count++] = &listener->bound.sockets[s];
	}
}

/* The one of the same kind, or NULL: there is at most one of each. */
static const struct http_listener *
find(const struct set *set, const struct endpoint_view *endpoint)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->members[i].endpoint.protocol == endpoint->protocol)
			return &set->members[i];
	return NULL;
}

static bool
is_written(const struct http_listener *former, const struct http_listener *listener)
{
	return former != NULL && former->endpoint.port == listener->endpoint.port &&
	    strcmp(former->endpoint.host, listener->endpoint.host) == 0 &&
	    (protocol_has_ports(listener->endpoint.protocol) || former->mode == listener->mode);
}

/* A file whose mode is another one goes on as a duplicate, which can be undone. */
static const struct bound *
what_stays(const struct http_listener *former, const struct http_listener *listener)
{
	if (former == NULL || (!protocol_has_ports(listener->endpoint.protocol) &&
	    !is_written(former, listener)))
		return NULL;
	return &former->bound;
}

static int
bind_beside(const struct http_listeners *listeners, const struct http_listener *former,
    struct http_listener *listener, const struct bound_socket **scratch, struct faults *faults)
{
	const struct listener_kind *kind = kind_of(listener->endpoint.protocol);
	struct leaving leaving = {
		.sockets = scratch, .find = find_leaving, .arg = listeners,
		.is_adopted = listeners_are_adopted(listeners->others),
	};
	const struct binding binding = {
		.name = HTTP_LISTENERS_NAME,
		.endpoint = listener->endpoint,
		.sockets = kind->sockets,
		.workers = 1,
		.inherited = listeners->inherited,
		.now = what_stays(former, listener),
		.picked = listener->endpoint.port == 0 && is_written(former, listener)
		    ? address_port(&former->bound.sockets[0].address) : 0,
		.leaving = &leaving,
		.mode = listener->mode,
		.owner = "",
		.group = "",
	};

	return kind->bind(&binding, &listener->bound, faults);
}

static int
bind_anew(const struct http_listeners *listeners, const struct http_listener *former,
    struct http_listener *listener, struct faults *faults)
{
	const size_t most = HTTP_LISTENERS_FDS_MAX + listeners_socket_count(listeners->others);
	const struct bound_socket **scratch = calloc(most, sizeof(const struct bound_socket *));
	int result;

	if (scratch == NULL)
		return -1;
	result = bind_beside(listeners, former, listener, scratch, faults);
	free(scratch);
	return result;
}

/* Goes on with what there is.  Returns 0, or -1 without memory. */
static int
stay(const struct http_listener *former, struct http_listener *listener)
{
	const size_t count = former->bound.count;

	listener->bound = (struct bound){ .sockets = calloc(count, sizeof(struct bound_socket)) };
	if (listener->bound.sockets == NULL)
		return -1;
	memcpy(listener->bound.sockets, former->bound.sockets, count * sizeof(struct bound_socket));
	listener->bound.count = count;
	for (size_t i = 0; i < count; i++)
		listener->bound.sockets[i].kept = true;
	return 0;
}

/* Where what is written did not change, what it means now is no fault of the file. */
static int
bind_or_stay(const struct http_listeners *listeners, struct http_listener *listener,
    struct faults *faults)
{
	const struct http_listener *former = find(&listeners->now, &listener->endpoint);
	struct faults *of_the_moment;
	int result;

	if (!is_written(former, listener))
		return bind_anew(listeners, former, listener, faults);
	of_the_moment = faults_new();
	if (of_the_moment == NULL)
		return stay(former, listener);
	result = bind_anew(listeners, former, listener, of_the_moment);
	for (size_t i = 0; i < faults_count(of_the_moment); i++)
		log_warning("%s; it stays as it is", faults_get(of_the_moment, i));
	faults_free(of_the_moment);
	return result == 0 ? 0 : stay(former, listener);
}

/* Returns 0, or -1 with *bound closed. */
static int
make_doors(const struct http_listeners *listeners, struct bound *bound)
{
	for (size_t i = 0; i < bound->count; i++) {
		struct bound_socket *socket = &bound->sockets[i];

		if (!socket->kept)
			socket->service = door_new(listeners, socket->fd);
		if (socket->service == NULL)
			return -1;
	}
	return 0;
}

/* Undoes what was prepared of one. */
static void
undo(struct bound *bound)
{
	for (size_t i = 0; i < bound->count; i++)
		if (!bound->sockets[i].kept)
			door_free(bound->sockets[i].service);
	bound_close(bound);
}

int
http_listeners_prepare(struct http_listeners *listeners, const struct http_places *places,
    struct faults *faults)
{
	const size_t before = faults_count(faults);
	struct set *next = &listeners->next;

	for (next->count = 0; next->count < places->count; next->count++) {
		struct http_listener *listener = &next->members[next->count];

		*listener = (struct http_listener){
			.endpoint = places->endpoints[next->count], .mode = places->mode,
		};
		if (bind_or_stay(listeners, listener, faults) == -1)
			break;
		if (make_doors(listeners, &listener->bound) == -1) {
			undo(&listener->bound);
			break;
		}
	}
	if (next->count == places->count)
		return 0;
	http_listeners_roll_back(listeners);
	if (faults_count(faults) == before)
		faults_add(faults, "cannot make the listener of %s: %s", HTTP_LISTENERS_NAME,
		    strerror(ENOMEM));
	return -1;
}

void
http_listeners_roll_back(struct http_listeners *listeners)
{
	for (size_t i = 0; i < listeners->next.count; i++)
		undo(&listeners->next.members[i].bound);
	listeners->next.count = 0;
}

size_t
http_listeners_prepared(const struct http_listeners *listeners, int *fds)
{
	size_t count = 0;

	for (size_t i = 0; i < listeners->next.count; i++) {
		const struct bound *bound = &listeners->next.members[i].bound;

		for (size_t s = 0; s < bound->count; s++)
			if (bound->sockets[s].inherited == NULL)
				fds[count++] = bound->sockets[s].fd;
	}
	return count;
}

/* --- commit ---------------------------------------------------------------------------------- */

/* "http://127.0.0.1:9007"; a path is one, whatever is spoken there. */
static const char *
format_uri(const struct bound_socket *socket, char text[ENDPOINT_SOCKET_SIZE])
{
	const char *rest = socket->address.sa.sa_family != AF_UNSPEC ? strchr(socket->uri, ':') : NULL;

	if (rest == NULL)
		return socket->uri;
	snprintf(text, ENDPOINT_SOCKET_SIZE, "http%s", rest);
	return text;
}

static void
serve(const struct http_listeners *listeners, struct bound_socket *socket)
{
	char uri[ENDPOINT_SOCKET_SIZE];

	if (socket->twin != 0)
		listeners_hand_on(listeners->others, socket->twin);
	socket->twin = 0;
	unix_place_settle(socket->place);
	if (socket->kept) {
		socket->kept = false;
		return;
	}
	if (socket->inherited != NULL)
		log_notice("listening on %s (%s), inherited as %s", format_uri(socket, uri),
		    HTTP_LISTENERS_NAME, socket->inherited->name);
	else
		log_notice("listening on %s (%s)", format_uri(socket, uri), HTTP_LISTENERS_NAME);
	begin(socket->service);
}

static bool
has_fd(const struct set *set, int fd)
{
	for (size_t i = 0; i < set->count; i++)
		if (bound_has_fd(&set->members[i].bound, fd))
			return true;
	return false;
}

static void
leave(struct bound_socket *socket, bool is_told)
{
	char uri[ENDPOINT_SOCKET_SIZE];

	if (is_told)
		log_notice("no longer listening on %s (%s)", format_uri(socket, uri),
		    HTTP_LISTENERS_NAME);
	door_free(socket->service);
	unix_place_release(socket->place);
	close(socket->fd);
}

static void
serve_all(const struct http_listeners *listeners, struct set *set)
{
	for (size_t i = 0; i < set->count; i++)
		for (size_t s = 0; s < set->members[i].bound.count; s++)
			serve(listeners, &set->members[i].bound.sockets[s]);
}

void
http_listeners_commit(struct http_listeners *listeners)
{
	const struct set before = listeners->now;

	if (listeners->is_adopted)
		serve_all(listeners, &listeners->now);
	listeners->is_adopted = false;
	serve_all(listeners, &listeners->next);
	for (size_t i = 0; i < before.count; i++) {
		struct bound bound = before.members[i].bound;

		for (size_t s = 0; s < bound.count; s++)
			if (!has_fd(&listeners->next, bound.sockets[s].fd))
				leave(&bound.sockets[s], true);
		bound_free(&bound);
		free(before.members[i].host);
	}
	listeners->now = listeners->next;
	listeners->next.count = 0;
}

/* --- standing still ------------------------------------------------------------------------ */

static void
pause_door(struct door *door)
{
	event_del(door->acceptable);
	event_del(door->retry);
}

static void
each_door(const struct set *set, void (*call)(struct door *door))
{
	for (size_t i = 0; i < set->count; i++)
		for (size_t s = 0; s < set->members[i].bound.count; s++)
			call(set->members[i].bound.sockets[s].service);
}

void
http_listeners_pause(struct http_listeners *listeners)
{
	each_door(&listeners->now, pause_door);
}

void
http_listeners_resume(struct http_listeners *listeners)
{
	each_door(&listeners->now, begin);
}

/* --- from one process to another --------------------------------------------------------- */

static int
pack(const struct http_listener *listener, const struct packed_visitor *visitor)
{
	const struct packed_listener packed = {
		.role = PACKED_OBSERVE, .name = HTTP_LISTENERS_NAME,
		.protocol = listener->endpoint.protocol, .place = listener->endpoint.host,
		.port = listener->endpoint.port, .mode = listener->mode, .owner = "", .group = "",
		.greeting = "",
	};

	if (visitor->listener(visitor->arg, &packed) == -1)
		return -1;
	return bound_pack(&listener->bound, visitor);
}

int
http_listeners_pack(const struct http_listeners *listeners, const struct packed_visitor *visitor)
{
	for (size_t i = 0; i < listeners->now.count; i++)
		if (pack(&listeners->now.members[i], visitor) == -1)
			return -1;
	return 0;
}

void
http_listeners_let_go(struct http_listeners *listeners)
{
	for (size_t i = 0; i < listeners->now.count; i++) {
		struct http_listener *listener = &listeners->now.members[i];

		for (size_t s = 0; s < listener->bound.count; s++) {
			door_free(listener->bound.sockets[s].service);
			unix_place_let_go(listener->bound.sockets[s].place);
			close(listener->bound.sockets[s].fd);
		}
		bound_free(&listener->bound);
		free(listener->host);
	}
	listeners->now.count = 0;
}

/* Returns NULL, or what is wrong with one of them; the descriptors are the listener's all the same. */
static const char *
adopt_sockets(const struct http_listeners *listeners, const struct packed_listener *packed,
    const struct packed_socket *sockets, const int *fds, struct bound *bound)
{
	const char *fault = NULL;

	for (size_t s = 0; s < bound->count; s++) {
		struct bound_socket *socket = &bound->sockets[s];
		const char *of_it = listeners_adopt_socket(packed, &sockets[s], fds[s], 1, socket);

		if (of_it == NULL && (socket->service = door_new(listeners, fds[s])) == NULL)
			of_it = strerror(ENOMEM);
		if (of_it != NULL)
			fault = of_it;
	}
	return fault;
}

/* Returns the next, with room for so many sockets, or NULL. */
static struct http_listener *
add_adopted(struct http_listeners *listeners, const struct packed_listener *packed, size_t count)
{
	struct http_listener *listener = &listeners->now.members[listeners->now.count];

	if (listeners->now.count == HTTP_PLACES_MAX)
		return NULL;
	*listener = (struct http_listener){
		.mode = packed->mode, .host = strdup(packed->place),
		.bound = { count, calloc(count, sizeof(struct bound_socket)) },
	};
	listener->endpoint =
	    (struct endpoint_view){ packed->protocol, listener->host, packed->port };
	if (listener->host != NULL && listener->bound.sockets != NULL) {
		listeners->now.count++;
		listeners->is_adopted = true;
		return listener;
	}
	free(listener->host);
	free(listener->bound.sockets);
	return NULL;
}

bool
http_listeners_adopt(struct http_listeners *listeners, const struct packed_listener *packed,
    const struct packed_socket *sockets, const int *fds, size_t count, struct faults *faults)
{
	struct http_listener *listener = add_adopted(listeners, packed, count);
	const char *fault = "cannot be had";

	for (size_t i = 0; listener == NULL && i < count; i++)
		close(fds[i]);
	if (listener != NULL)
		fault = adopt_sockets(listeners, packed, sockets, fds, &listener->bound);
	if (fault != NULL)
		faults_add(faults, "the socket of %s that was handed over %s", packed->name, fault);
	return fault == NULL;
}

/* --- life ------------------------------------------------------------------------------ */

struct http_listeners *
http_listeners_new(struct event_base *base, struct http_server *server,
    const struct inherited *inherited, const struct listeners *others)
{
	struct http_listeners *listeners = calloc(1, sizeof(*listeners));

	if (listeners == NULL)
		return NULL;
	listeners->base = base;
	listeners->server = server;
	listeners->inherited = inherited;
	listeners->others = others;
	return listeners;
}

void
http_listeners_free(struct http_listeners *listeners)
{
	if (listeners == NULL)
		return;
	if (listeners->is_adopted)
		http_listeners_let_go(listeners);
	for (size_t i = 0; i < listeners->now.count; i++) {
		struct bound *bound = &listeners->now.members[i].bound;

		for (size_t s = 0; s < bound->count; s++)
			leave(&bound->sockets[s], false);
		bound_free(bound);
	}
	free(listeners);
}

size_t
http_listeners_socket_count(const struct http_listeners *listeners)
{
	size_t count = 0;

	for (size_t i = 0; i < listeners->now.count; i++)
		count += listeners->now.members[i].bound.count;
	return count;
}
