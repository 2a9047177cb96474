/* Datagrams: see answerer.h. */
#include "daemon/listen/answerer.h"

#include <linux/sock_diag.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "daemon/datagram/batches.h"
#include "daemon/datagram/socket.h"
#include "daemon/listen/admission.h"

struct answerer {
	const struct admission *admission;
	struct worker *worker;
	struct datagram_socket *socket; /* the worker's once it serves */
	struct ledger *ledger;
	int fd;           /* open until it is called back */
	uint32_t dropped; /* what the kernel had dropped when that was last looked at */
};

/* --- what the kernel drops ----------------------------------------------------------------- */

/* Since the socket was made, modulo 2^32; where the kernel does not tell, `before`. */
static uint32_t
dropped_by_kernel(int fd, uint32_t before)
{
	uint32_t info[SK_MEMINFO_VARS];
	socklen_t length = sizeof(info);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &length) == -1 || length < sizeof(info))
		return before;
	return info[SK_MEMINFO_DROPS];
}

void
answerer_look(void *service)
{
	struct answerer *answerer = service;
	const uint32_t dropped = dropped_by_kernel(answerer->fd, answerer->dropped);

	counter_add(&answerer->ledger->kernel_dropped, (uint32_t)(dropped - answerer->dropped));
	answerer->dropped = dropped;
}

/* --- life ----------------------------------------------------------------------------------- */

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
	answerer->ledger = ledger;
	answerer->fd = socket->fd;
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
	struct answerer *answerer = service;

	answerer->dropped = dropped_by_kernel(answerer->fd, 0); /* before it was inherited */
	datagram_socket_post(answerer->socket, answerer->worker);
}

void
answerer_close(void *service)
{
	struct answerer *answerer = service;

	answerer_look(answerer);
	datagram_socket_recall(answerer->socket, answerer->worker);
	free(answerer);
}

void
answerer_leave(void *service, bool is_likewise)
{
	struct answerer *answerer = service;

	(void)is_likewise;
	datagram_socket_leave_to_owner(answerer->socket);
}

void
answerer_let_go(void *service)
{
	struct answerer *answerer = service;

	datagram_socket_leave_to_owner(answerer->socket);
	datagram_socket_close(answerer->socket);
	free(answerer);
}
