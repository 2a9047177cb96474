/*
 * Datagrams: gives each socket of a listener to the worker that answers at it, and calls it
 * back.
 *
 * One of the services of kind.h, which hence take and return void *.
 */
#ifndef DAEMON_LISTEN_ANSWERER_H
#define DAEMON_LISTEN_ANSWERER_H

#include "daemon/account/ledger.h"
#include "daemon/listen/bind.h"
#include "daemon/listen/context.h"

/*
 * For the sockets *bound, which stay the caller's until answerer_serve(); both they and
 * `ledger` outlive it.  Returns NULL when memory ran out.
 */
void *answerer_new(const struct listener_context *context, struct ledger *ledger,
    const struct bound *bound);

/* Frees it, before answerer_serve(); the sockets stay open. */
void answerer_free(void *service);

/* Takes over the access list of its context: all workers have a part in it. */
void answerer_take_acl(void *service);

/* Gives the sockets away: they are answered from here on. */
void answerer_serve(void *service);

/*
 * Has what has arrived answered and the sockets closed, and frees it.  What has arrived at an
 * inherited socket is left to whoever serves it next.
 */
void answerer_close(void *service);

#endif
