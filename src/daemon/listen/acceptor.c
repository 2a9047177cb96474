/* Streams: see acceptor.h. */
#include "daemon/listen/acceptor.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/listen/admission.h"
#include "daemon/listen/paths/unix_place.h"
#include "daemon/listen/preamble.h"
#include "daemon/listen/sockets.h"
#include "daemon/stream/crowds.h"

/* How many connections one turn accepts, so that a flood does not starve the signals. */
#define ACCEPTS_PER_TURN 64

/* How long it waits where descriptors or memory ran out and nothing closes: ms. */
#define RETRY 250

struct acceptor {
	struct admission *admission;
	struct preambles *preambles;
	const struct socket_kind *sockets;
	const struct listen_config *config; /* acceptor_take_config() */
	struct ledger *ledger;
	int fd;
	bool has_owner; /* inherited, or another acceptor's too: what waits there is not ours to end */
	struct unix_place *place; /* it is let go when it closes; NULL: it has none */
	bool paused;
	struct event *acceptable, *retry;
};

/* --- trouble ---------------------------------------------------------------------- */

static void
pause_accepting(struct acceptor *acceptor)
{
	acceptor->paused = true;
	event_del(acceptor->acceptable);
}

/* No room: the next connection that closes makes some. */
static void
wait_for_room(struct acceptor *acceptor)
{
	admission_tell_full(acceptor->admission, acceptor->ledger);
	pause_accepting(acceptor);
}

/* No descriptors or memory: others may free some too, so a timer looks as well. */
static void
wait_and_retry(struct acceptor *acceptor, int error)
{
	log_error_limited("cannot accept connections to %s: %s; they wait", acceptor->ledger->name,
	    strerror(error));
	pause_accepting(acceptor);
	loop_set_timer(acceptor->retry, RETRY);
}

void
acceptor_pause(void *service)
{
	struct acceptor *acceptor = service;

	pause_accepting(acceptor);
	event_del(acceptor->retry);
}

void
acceptor_resume(void *service)
{
	struct acceptor *acceptor = service;

	if (!acceptor->paused)
		return;
	acceptor->paused = false;
	event_del(acceptor->retry);
	if (event_add(acceptor->acceptable, NULL) == -1)
		wait_and_retry(acceptor, errno);
}

bool
acceptor_accepts(const void *service)
{
	const struct acceptor *acceptor = service;

	return !acceptor->paused;
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	acceptor_resume(arg);
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

/* Returns the descriptor, with whose it is in *peer, or -1 with errno. */
static int
accept_from(const struct acceptor *acceptor, struct address *peer)
{
	struct sockaddr_in6 name;
	socklen_t length = sizeof(name);
	int accepted = accept4(acceptor->fd, (struct sockaddr *)&name, &length,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (accepted != -1 && acceptor->sockets->receive != NULL)
		acceptor->sockets->receive(accepted, acceptor->fd, peer);
	else if (accepted != -1)
		address_from_sockaddr(peer, (struct sockaddr *)&name, length);
	return accepted;
}

/*
 * By the rule that nothing is guessed: a header from others than proxies is a lie.  Who may connect
 * to a path is said by its file's mode.
 */
static bool
is_trusted(const struct listen_config *config, const struct address *peer)
{
	if (!protocol_has_ports(config->protocol))
		return true;
	for (size_t i = 0; i < config->trusted_proxies.count; i++)
		if (prefix_covers(&config->trusted_proxies.items[i], peer))
			return true;
	return false;
}

/* Accepts one connection.  Returns 0, or the errno that ended it. */
static int
accept_one(struct acceptor *acceptor)
{
	const struct listen_config *config = acceptor->config;
	const struct welcome welcome = { .greeting = config->greeting, .tls = config->tls };
	struct address peer;
	const int accepted = accept_from(acceptor, &peer);

	if (accepted == -1)
		return errno;
	/* Of one that another process had and this one has not: what TLS needs did not travel. */
	if (protocol_is_secure(config->protocol) && config->tls == NULL)
		admission_refuse(acceptor->ledger, REFUSE_DRAIN, accepted, &peer);
	else if (!config->proxy_protocol)
		admission_admit(acceptor->admission, acceptor->ledger, accepted, &peer, &welcome);
	else if (is_trusted(config, &peer))
		preambles_begin(acceptor->preambles, acceptor->ledger, accepted, &peer, &welcome);
	else
		admission_refuse(acceptor->ledger, REFUSE_PROXY_UNTRUSTED, accepted, &peer);
	return 0;
}

static void
on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct acceptor *acceptor = arg;
	int error;

	(void)fd;
	(void)what;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		if (!admission_has_room(acceptor->admission)) {
			wait_for_room(acceptor);
			return;
		}
		error = accept_one(acceptor);
		if (error == EAGAIN)
			return;
		if (is_connections_own(error)) {
			admission_count_refusal(acceptor->ledger, REFUSE_ABORTED, NULL);
		} else if (error != 0 && error != EINTR) {
			wait_and_retry(acceptor, error);
			return;
		}
	}
}

static void
refuse_queue(struct acceptor *acceptor)
{
	struct address peer;
	int refused;

	/* No more than can have waited: a flood must not keep the control thread here. */
	for (int i = 0; i <= SOCKETS_BACKLOG; i++) {
		refused = accept_from(acceptor, &peer);
		if (refused == -1)
			return;
		admission_count_refusal(acceptor->ledger, REFUSE_DRAIN, &peer);
		close(refused);
	}
}

/*
 * Takes what the kernel has already connected, so that closing resets nobody that
 * there is room for.
 */
static void
empty_queue(struct acceptor *acceptor)
{
	int error;

	for (int i = 0; i <= SOCKETS_BACKLOG; i++) {
		if (!admission_has_room(acceptor->admission)) {
			refuse_queue(acceptor);
			return;
		}
		error = accept_one(acceptor);
		if (error != 0 && error != EINTR && !is_connections_own(error))
			return;
	}
}

/* --- life ----------------------------------------------------------------------- */

static void *
make(const struct listener_context *context, struct ledger *ledger,
    const struct bound_socket *socket, const struct socket_kind *sockets)
{
	struct acceptor *acceptor = calloc(1, sizeof(*acceptor));

	if (acceptor == NULL)
		return NULL;
	crowds_serve(context->crowds, ledger);
	acceptor->admission = context->admission;
	acceptor->preambles = context->preambles;
	acceptor->sockets = sockets;
	acceptor->ledger = ledger;
	acceptor->fd = socket->fd;
	acceptor->has_owner = socket->inherited != NULL;
	acceptor->place = socket->place;
	acceptor->acceptable = event_new(context->base, acceptor->fd, EV_READ | EV_PERSIST,
	    on_acceptable, acceptor);
	acceptor->retry = evtimer_new(context->base, on_retry, acceptor);
	if (acceptor->acceptable != NULL && acceptor->retry != NULL)
		return acceptor;
	acceptor_free(acceptor);
	return NULL;
}

void *
acceptor_new(const struct listener_context *context, struct ledger *ledger,
    const struct bound_socket *socket)
{
	return make(context, ledger, socket, &sockets_of_tcp);
}

void *
acceptor_new_at_path(const struct listener_context *context, struct ledger *ledger,
    const struct bound_socket *socket)
{
	return make(context, ledger, socket, &sockets_of_unix);
}

void
acceptor_take_config(void *service, const struct listen_config *config)
{
	struct acceptor *acceptor = service;

	acceptor->config = config;
}

void
acceptor_free(void *service)
{
	struct acceptor *acceptor = service;

	if (acceptor->acceptable != NULL)
		event_free(acceptor->acceptable);
	if (acceptor->retry != NULL)
		event_free(acceptor->retry);
	free(acceptor);
}

void
acceptor_serve(void *service)
{
	struct acceptor *acceptor = service;

	acceptor->paused = true;
	acceptor_resume(acceptor);
}

static void
dispose(struct acceptor *acceptor)
{
	event_del(acceptor->acceptable);
	close(acceptor->fd);
	acceptor_free(acceptor);
}

void
acceptor_close(void *service)
{
	struct acceptor *acceptor = service;

	unix_place_release(acceptor->place);
	if (!acceptor->has_owner) {
		empty_queue(acceptor);
		/* Another process may have it as long as it lives: nobody is to come there any more. */
		shutdown(acceptor->fd, SHUT_RD);
	}
	dispose(acceptor);
}

void
acceptor_leave(void *service, bool is_likewise)
{
	struct acceptor *acceptor = service;

	if (!is_likewise)
		empty_queue(acceptor);
	acceptor->has_owner = true;
}

void
acceptor_let_go(void *service)
{
	struct acceptor *acceptor = service;

	unix_place_let_go(acceptor->place);
	dispose(acceptor);
}
