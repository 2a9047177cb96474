/* A listener: see listener.h. */
#include "daemon/listener.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"

/* How many connections one turn accepts, so that a flood does not starve the signals. */
#define ACCEPTS_PER_TURN 64

/* How long a listener waits where descriptors or memory ran out and nothing closes: ms. */
#define RETRY 250

/* Trouble that lasts is told once in this time: ms. */
#define COMPLAIN_EVERY 10000

struct listener {
	struct listener_context context;
	struct listen_config config;
	struct bound bound;
	struct ledger *ledger;
	bool paused;
	bool complained;
	int64_t last_complaint; /* loop_now() */
	struct event *retry;
	struct event *acceptable[BOUND_MAX]; /* streams */
	struct udp *udp[BOUND_MAX];          /* datagrams; a worker's once it serves */
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

/* A datagram socket's cell: one listener's sockets go to different workers. */
static struct traffic *
traffic_of(struct listener *listener, size_t i)
{
	return &listener->ledger->traffic[i % listener->ledger->worker_count];
}

/* Returns NULL when memory ran out. */
static struct udp *
make_udp(struct listener *listener, size_t i, int fd)
{
	struct workers *workers = listener->context.admission->workers;
	struct batch *batch = worker_batch(workers_get(workers, i % workers_count(workers)));

	return batch != NULL ? udp_new(fd, traffic_of(listener, i), batch) : NULL;
}

static bool
make_sockets(struct listener *listener)
{
	struct event_base *base = listener->context.base;

	for (size_t i = 0; i < listener->bound.count; i++) {
		const int fd = listener->bound.sockets[i].fd;

		if (listener->config.protocol == PROTOCOL_TCP)
			listener->acceptable[i] =
			    event_new(base, fd, EV_READ | EV_PERSIST, on_acceptable, listener);
		else
			listener->udp[i] = make_udp(listener, i, fd);
		if (listener->acceptable[i] == NULL && listener->udp[i] == NULL)
			return false;
	}
	listener->retry = evtimer_new(base, on_retry, listener);
	return listener->retry != NULL;
}

/* Frees all but the sockets. */
static void
dispose(struct listener *listener)
{
	for (size_t i = 0; i < BOUND_MAX; i++)
		if (listener->acceptable[i] != NULL)
			event_free(listener->acceptable[i]);
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
	for (size_t i = 0; i < BOUND_MAX; i++)
		udp_free(listener->udp[i]);
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
	listener->ledger = ledger_new(config->name, workers_count(context->admission->workers));
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
	if (listener == NULL)
		return;
	bind_close(&listener->bound);
	free_udp(listener);
	dispose(listener);
}

/* --- trouble ---------------------------------------------------------------------- */

static bool
may_complain(struct listener *listener)
{
	const int64_t now = loop_now();

	if (listener->complained && now - listener->last_complaint < COMPLAIN_EVERY)
		return false;
	listener->complained = true;
	listener->last_complaint = now;
	return true;
}

static void
pause_accepting(struct listener *listener)
{
	listener->paused = true;
	for (size_t i = 0; i < listener->bound.count; i++)
		event_del(listener->acceptable[i]);
}

/* No room: the next connection that closes makes some. */
static void
wait_for_room(struct listener *listener)
{
	if (may_complain(listener))
		log_warning("%llu connections are open, the most allowed: further ones to %s wait",
		    (unsigned long long)listener->context.admission->limit, listener->config.name);
	pause_accepting(listener);
}

/* No descriptors or memory: others may free some too, so a timer looks as well. */
static void
wait_and_retry(struct listener *listener, int error)
{
	const struct timeval delay = { 0, RETRY * 1000 };

	if (may_complain(listener))
		log_error("cannot accept connections to %s: %s; they wait", listener->config.name,
		    strerror(error));
	pause_accepting(listener);
	event_add(listener->retry, &delay);
}

void
listener_resume(struct listener *listener)
{
	if (!listener->paused)
		return;
	listener->paused = false;
	event_del(listener->retry);
	for (size_t i = 0; i < listener->bound.count; i++)
		if (event_add(listener->acceptable[i], NULL) == -1) {
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

/* "*" is said as it was written: the kernel's name for it is "[::]". */
static void
log_listening(const struct listener *listener, size_t i)
{
	const struct listen_config *config = &listener->config;
	const struct address *address = &listener->bound.sockets[i].address;
	char text[ADDRESS_TEXT_SIZE];

	if (strcmp(config->address, "*") == 0)
		log_notice("listening on %s://*:%u (%s)", protocol_name(config->protocol),
		    (unsigned)address_port(address), config->name);
	else
		log_notice("listening on %s://%s (%s)", protocol_name(config->protocol),
		    address_format(address, text), config->name);
}

void
listener_serve(struct listener *listener)
{
	struct workers *workers = listener->context.admission->workers;

	for (size_t i = 0; i < listener->bound.count; i++) {
		log_listening(listener, i);
		if (listener->config.protocol == PROTOCOL_UDP)
			worker_take_udp(workers_get(workers, i % workers_count(workers)),
			    listener->udp[i]);
	}
	if (listener->config.protocol == PROTOCOL_TCP) {
		listener->paused = true;
		listener_resume(listener);
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
	struct workers *workers = listener->context.admission->workers;

	for (size_t i = 0; i < listener->bound.count; i++) {
		if (listener->config.protocol == PROTOCOL_TCP) {
			empty_queue(listener, listener->bound.sockets[i].fd);
			event_del(listener->acceptable[i]);
			close(listener->bound.sockets[i].fd);
		} else {
			worker_return_udp(workers_get(workers, i % workers_count(workers)),
			    listener->udp[i]);
		}
	}
	dispose(listener);
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

struct ledger *
listener_ledger(const struct listener *listener)
{
	return listener->ledger;
}
