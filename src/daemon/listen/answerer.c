/* Datagrams: see answerer.h. */
#include "daemon/listen/answerer.h"

#include <stdlib.h>

#include "daemon/datagram/batches.h"
#include "daemon/datagram/socket.h"
#include "daemon/listen/admission.h"

struct answerer {
	const struct admission *admission;
	struct worker *worker;
	struct datagram_socket *socket; /* the worker's once it serves */
};

/* Returns NULL when memory ran out. */
static struct datagram_socket *
make_socket(const struct bound_socket *socket, struct ledger *ledger,
    const struct listener_context *context)
{
	struct branch *branch = &ledger->branches[socket->worker];
	struct batch *batch = batches_get(context->batches, socket->worker);
	struct datagram_socket *made = NULL;

	if (batch != NULL)
		made = datagram_socket_new(socket->fd, branch, batch, context->guard);
	if (made != NULL && socket->inherited != NULL)
		datagram_socket_leave_to_owner(made);
	return made;
}

void *
answerer_new(const struct listener_context *context, struct ledger *ledger,
    const struct bound_socket *socket)
{
	struct answerer *answerer = calloc(1, sizeof(*answerer));

	if (answerer == NULL)
		return NULL;
	answerer->admission = context->admission;
	answerer->worker = workers_get(context->admission->workers, socket->worker);
	answerer->socket = make_socket(socket, ledger, context);
	if (answerer->socket != NULL)
		return answerer;
	free(answerer);
	return NULL;
}

void
answerer_free(void *service)
{
	struct answerer *answerer = service;

	datagram_socket_free(answerer->socket);
	free(answerer);
}

void
answerer_take_acl(void *service)
{
	const struct answerer *answerer = service;

	datagram_socket_set_acl(answerer->socket, answerer->admission->acl);
}

void
answerer_serve(void *service)
{
	const struct answerer *answerer = service;

	datagram_socket_post(answerer->socket, answerer->worker);
}

void
answerer_close(void *service)
{
	struct answerer *answerer = service;

	datagram_socket_recall(answerer->socket, answerer->worker);
	free(answerer);
}
