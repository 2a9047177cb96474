/*
 * Datagrams: gives a socket to the worker that answers at it, and calls it back.
 *
 * One of the services of kind.h, which hence take and return void *.
 */
#ifndef DAEMON_LISTEN_ANSWERER_H
#define DAEMON_LISTEN_ANSWERER_H

#include "daemon/account/ledger.h"
#include "daemon/listen/bound.h"
#include "daemon/listen/context.h"

/*
 * For `socket`, which stays the caller's until answerer_serve(); `ledger` outlives it.  Returns
 * NULL when memory ran out.
 */
void *answerer_new(const struct listener_context *context, struct ledger *ledger,
    const struct bound_socket *socket);

/* Frees it, before answerer_serve(); the socket stays open. */
void answerer_free(void *service);

/* Takes over the access list of its context. */
void answerer_take_acl(void *service);

/* Gives the socket away: it is answered from here on. */
void answerer_serve(void *service);

/* Counts what the kernel has dropped at the socket since it was last looked at. */
void answerer_look(void *service);

/*
 * Has what has arrived answered and the socket closed, and frees it.  What has arrived at an
 * inherited socket is left to whoever serves it next.
 */
void answerer_close(void *service);

/* What arrives at the socket is left to another one who has it, too.  Before it serves. */
void answerer_leave(void *service, bool is_likewise);

/* As answerer_close(), while its worker stands still: what has arrived is another process's. */
void answerer_let_go(void *service);

#endif
