/* A listener: see listener.h. */
#include "daemon/listen/listener.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

/* How many connections one turn accepts, so that a flood does not starve the signals. */
#define ACCEPTS_PER_TURN 64

/* How long a listener waits where descriptors or memory ran out and nothing closes: ms. */
#define RETRY 250

/* What serves one socket. */
struct door {
	struct event *acceptable; /* streams */
	struct datagram_socket *datagrams; /* a worker's once it serves */
};

struct listener {
	struct listener_context context;
	struct listen_config config;
	struct bound bound;
	struct door *doors; /* one for each socket of `bound` */
	struct ledger *ledger;
	bool paused;
	struct event *retry;
};

static void on_acceptable(evutil_socket_t fd, short what, void *arg);
static void on_retry(evutil_socket_t fd, short what, void *arg);

/* --- life ----------------------------------------------------------------------- */

static bool
copy_config(struct listen_config *to, const struct listen_config *from)
{
	*to = *from;
	to->name = strdup(from->name);
	to->address = strdup(from->address);
	return to->name != NULL && to->address != NULL;
}

/* Whose a datagram socket is. */
static struct worker *
worker_of(const struct listener *listener, size_t i)
{
	return workers_get(listener->context.admission->workers, listener->bound.sockets[i].worker);
}

/* Returns NULL when memory ran out. */
static struct datagram_socket *
make_socket(struct listener *listener, size_t i)
{
	const struct bound_socket *socket = &listener->bound.sockets[i];
	struct branch *branch = &listener->ledger->branches[socket->worker];
	struct batch *batch = worker_batch(worker_of(listener, i));
	struct datagram_socket *datagrams = NULL;

	if (batch != NULL)
		datagrams = datagram_socket_new(socket->fd, branch, batch, listener->context.guard);
	if (datagrams != NULL && socket->inherited != NULL)
		datagram_socket_leave_to_owner(datagrams);
	return datagrams;
}

static bool
make_sockets(struct listener *listener)
{
	struct event_base *base = listener->context.base;

	listener->doors = calloc(listener->bound.count, sizeof(*listener->doors));
	for (size_t i = 0; listener->doors != NULL && i < listener->bound.count; i++) {
		struct door *door = &listener->doors[i];

		if (listener->config.protocol == PROTOCOL_TCP)
			door->acceptable = event_new(base, listener->bound.sockets[i].fd,
			    EV_READ | EV_PERSIST, on_acceptable, listener);
		else
			door->datagrams = make_socket(listener, i);
		if (door->acceptable == NULL && door->datagrams == NULL)
			return false;
	}
	listener->retry = evtimer_new(base, on_retry, listener);
	return listener->doors != NULL && listener->retry != NULL;
}

/* Frees all but the sockets and what a worker may have. */
static void
dispose(struct listener *listener)
{
	for (size_t i = 0; listener->doors != NULL && i < listener->bound.count; i++)
		if (listener->doors[i].acceptable != NULL)
			event_free(listener->doors[i].acceptable);
	free(listener->doors);
	if (listener->retry != NULL)
		event_free(listener->retry);
	ledger_release(listener->ledger);
	free(listener->config.name);
	free(listener->config.address);
	free(listener);
}

static void
free_udp(struct listener *listener)
{
	for (size_t i = 0; listener->doors != NULL && i < listener->bound.count; i++)
		datagram_socket_free(listener->doors[i].datagrams);
}

struct listener *
listener_new(const struct listen_config *config, const struct bound *bound,
    const struct listener_context *context)
{
	struct listener *listener = calloc(1, sizeof(*listener));

	if (listener == NULL)
		return NULL;
	listener->context = *context;
	listener->bound = *bound;
	listener->ledger = census_open(context->census, config->name);
	if (!copy_config(&listener->config, config) || listener->ledger == NULL ||
	    !make_sockets(listener)) {
		free_udp(listener);
		dispose(listener);
		errno = ENOMEM;
		return NULL;
	}
	return listener;
}

void
listener_free(struct listener *listener)
{
	struct bound bound;

	if (listener == NULL)
		return;
	bound = listener->bound;
	free_udp(listener);
	dispose(listener);
	bind_close(&bound);
}

/* --- trouble ---------------------------------------------------------------------- */

static void
pause_accepting(struct listener *listener)
{
	listener->paused = true;
	for (size_t i = 0; i < listener->bound.count; i++)
		event_del(listener->doors[i].acceptable);
}

/* No room: the next connection that closes makes some. */
static void
wait_for_room(struct listener *listener)
{
	log_warning_limited("%llu connections are open, the most allowed: further ones to %s wait",
	    (unsigned long long)listener->context.admission->limit, listener->config.name);
	pause_accepting(listener);
}

/* No descriptors or memory: others may free some too, so a timer looks as well. */
static void
wait_and_retry(struct listener *listener, int error)
{
	log_error_limited("cannot accept connections to %s: %s; they wait", listener->config.name,
	    strerror(error));
	pause_accepting(listener);
	loop_set_timer(listener->retry, RETRY);
}

void
listener_resume(struct listener *listener)
{
	if (!listener->paused)
		return;
	listener->paused = false;
	event_del(listener->retry);
	for (size_t i = 0; i < listener->bound.count; i++)
		if (event_add(listener->doors[i].acceptable, NULL) == -1) {
			wait_and_retry(listener, errno);
			return;
		}
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	listener_resume(arg);
}

/* --- accepting --------------------------------------------------------------------- */

/* accept(2): errors of the connection, not of the listener, are passed over. */
static bool
is_connections_own(int error)
{
	switch (error) {
	case ECONNABORTED:
	case EPROTO:
	case EPERM:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH:
	case ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

/* Accepts one connection.  Returns 0, or the errno that ended it. */
static int
accept_one(struct listener *listener, int fd)
{
	struct sockaddr_in6 name;
	socklen_t length = sizeof(name);
	struct address peer;
	int accepted = accept4(fd, (struct sockaddr *)&name, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (accepted == -1)
		return errno;
	address_from_sockaddr(&peer, (struct sockaddr *)&name, length);
	admission_admit(listener->context.admission, listener->ledger, accepted, &peer);
	return 0;
}

static void
on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct listener *listener = arg;
	int error;

	(void)what;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		if (!admission_has_room(listener->context.admission)) {
			wait_for_room(listener);
			return;
		}
		error = accept_one(listener, fd);
		if (error == EAGAIN)
			return;
		if (is_connections_own(error)) {
			listener->ledger->refused[REFUSE_ABORTED]++;
		} else if (error != 0 && error != EINTR) {
			wait_and_retry(listener, error);
			return;
		}
	}
}

/* --- serving ----------------------------------------------------------------------- */

/* The workers' sockets of one address have one line. */
static bool
is_first_of_its_address(const struct listener *listener, size_t i)
{
	const struct bound_socket *sockets = listener->bound.sockets;

	for (size_t before = 0; before < i; before++)
		if (address_equal(&sockets[before].address, &sockets[i].address))
			return false;
	return true;
}

/* One line for an address.  "*" is said as it was written: the kernel's name for it is "[::]". */
static void
log_listening(const struct listener *listener, size_t i)
{
	const struct listen_config *config = &listener->config;
	const struct address *address = &listener->bound.sockets[i].address;
	const struct inherited_socket *inherited = listener->bound.sockets[i].inherited;
	char text[ADDRESS_TEXT_SIZE];

	if (inherited != NULL)
		log_notice("listening on %s (%s), inherited as %s", inherited->uri, config->name,
		    inherited->name);
	else if (strcmp(config->address, "*") == 0)
		log_notice("listening on %s://*:%u (%s)", protocol_name(config->protocol),
		    (unsigned)address_port(address), config->name);
	else
		log_notice("listening on %s://%s (%s)", protocol_name(config->protocol),
		    address_format(address, text), config->name);
}

void
listener_take_acl(struct listener *listener)
{
	for (size_t i = 0; i < listener->bound.count; i++)
		if (listener->doors[i].datagrams != NULL)
			datagram_socket_set_acl(listener->doors[i].datagrams, listener->context.admission->acl);
}

void
listener_serve(struct listener *listener)
{
	for (size_t i = 0; i < listener->bound.count; i++) {
		if (is_first_of_its_address(listener, i))
			log_listening(listener, i);
		if (listener->config.protocol == PROTOCOL_UDP)
			worker_take_socket(worker_of(listener, i), listener->doors[i].datagrams);
	}
	if (listener->config.protocol == PROTOCOL_TCP) {
		listener->ledger->carries |= CARRIES_STREAMS;
		listener->paused = true;
		listener_resume(listener);
	} else {
		listener->ledger->carries |= CARRIES_DATAGRAMS;
	}
}

static void
refuse_queue(struct listener *listener, int fd)
{
	int refused;

	/* No more than can have waited: a flood must not keep the control thread here. */
	for (int i = 0; i <= BIND_BACKLOG; i++) {
		refused = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (refused == -1)
			return;
		listener->ledger->refused[REFUSE_DRAIN]++;
		close(refused);
	}
}

/*
 * Takes what the kernel has already connected, so that closing resets nobody that
 * there is room for.
 */
static void
empty_queue(struct listener *listener, int fd)
{
	int error;

	for (int i = 0; i <= BIND_BACKLOG; i++) {
		if (!admission_has_room(listener->context.admission)) {
			refuse_queue(listener, fd);
			return;
		}
		error = accept_one(listener, fd);
		if (error != 0 && error != EINTR && !is_connections_own(error))
			return;
	}
}

void
listener_close(struct listener *listener)
{
	struct bound bound = listener->bound;

	for (size_t i = 0; i < bound.count; i++) {
		if (listener->config.protocol == PROTOCOL_TCP) {
			if (bound.sockets[i].inherited == NULL)
				empty_queue(listener, bound.sockets[i].fd);
			event_del(listener->doors[i].acceptable);
			close(bound.sockets[i].fd);
		} else {
			worker_return_socket(worker_of(listener, i), listener->doors[i].datagrams);
		}
	}
	dispose(listener);
	bind_free(&bound);
}

/* --- what others may know ------------------------------------------------------------ */

bool
listener_is(const struct listener *listener, const struct listen_config *config)
{
	return listener->config.protocol == config->protocol &&
	    listener->config.port == config->port &&
	    strcmp(listener->config.name, config->name) == 0 &&
	    strcmp(listener->config.address, config->address) == 0;
}

enum protocol
listener_protocol(const struct listener *listener)
{
	return listener->config.protocol;
}

const struct bound *
listener_sockets(const struct listener *listener)
{
	return &listener->bound;
}
