/* Datagrams: see answerer.h. */
#include "daemon/listen/answerer.h"

#include <stdlib.h>

#include "daemon/datagram/batches.h"
#include "daemon/datagram/socket.h"
#include "daemon/listen/admission.h"

struct answerer {
	const struct admission *admission;
	const struct bound *bound;
	struct datagram_socket *sockets[]; /* as those of `bound`; a worker's once it serves */
};

/* Whose a socket is. */
static struct worker *
worker_of(const struct answerer *answerer, size_t i)
{
	return workers_get(answerer->admission->workers, answerer->bound->sockets[i].worker);
}

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
    const struct bound *bound)
{
	struct answerer *answerer =
	    calloc(1, sizeof(*answerer) + bound->count * sizeof(struct datagram_socket *));

	if (answerer == NULL)
		return NULL;
	answerer->admission = context->admission;
	answerer->bound = bound;
	for (size_t i = 0; i < bound->count; i++) {
		answerer->sockets[i] = make_socket(&bound->sockets[i], ledger, context);
		if (answerer->sockets[i] == NULL) {
			answerer_free(answerer);
			return NULL;
		}
	}
	return answerer;
}

void
answerer_free(void *service)
{
	struct answerer *answerer = service;

	for (size_t i = 0; i < answerer->bound->count; i++)
		datagram_socket_free(answerer->sockets[i]);
	free(answerer);
}

void
answerer_take_acl(void *service)
{
	const struct answerer *answerer = service;

	for (size_t i = 0; i < answerer->bound->count; i++)
		datagram_socket_set_acl(answerer->sockets[i], answerer->admission->acl);
}

void
answerer_serve(void *service)
{
	const struct answerer *answerer = service;

	for (size_t i = 0; i < answerer->bound->count; i++)
		datagram_socket_post(answerer->sockets[i], worker_of(answerer, i));
}

void
answerer_close(void *service)
{
	struct answerer *answerer = service;

	for (size_t i = 0; i < answerer->bound->count; i++)
		datagram_socket_recall(answerer->sockets[i], worker_of(answerer, i));
	free(answerer);
}
