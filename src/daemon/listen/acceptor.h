/*
 * Streams: accepts connections in the control thread at a socket, as long as there is room,
 * and admits them.  Where there is none, or descriptors or memory lack, it stops until a
 * connection has ended, so that nothing spins.
 *
 * One of the services of kind.h, which hence take and return void *.
 */
#ifndef DAEMON_LISTEN_ACCEPTOR_H
#define DAEMON_LISTEN_ACCEPTOR_H

#include "daemon/account/ledger.h"
#include "daemon/config/config.h"
#include "daemon/listen/bound.h"
#include "daemon/listen/context.h"

/*
 * For `socket`, which listens and stays the caller's until acceptor_close(); `ledger` outlives
 * it.  Returns NULL when memory ran out.
 */
void *acceptor_new(const struct listener_context *context, struct ledger *ledger,
    const struct bound_socket *socket);

/* The same for a Unix socket, whose place it lets go when it closes. */
void *acceptor_new_at_path(const struct listener_context *context, struct ledger *ledger,
    const struct bound_socket *socket);

/* From now on connections are accepted as `config` says, which stays the caller's. */
void acceptor_take_config(void *service, const struct listen_config *config);

/* Frees it; the socket stays open. */
void acceptor_free(void *service);

/* Begins to accept. */
void acceptor_serve(void *service);

/* Stops accepting, whatever it waits for. */
void acceptor_pause(void *service);

/* Accepts again, where it had stopped. */
void acceptor_resume(void *service);

/* False where it has stopped. */
bool acceptor_accepts(const void *service);

/*
 * Admits what waits as far as there is room, closes the socket and frees it.  What waits at
 * an inherited socket is left to whoever serves it next.
 */
void acceptor_close(void *service);

/*
 * Another one has the socket, too.  What waits there is left to it where it serves likewise, and is
 * admitted here where it does not; from here on all is left to it, as at an inherited one.
 */
void acceptor_leave(void *service, bool is_likewise);

/* Closes the socket, which is another process's, leaves its place as it is, and frees it. */
void acceptor_let_go(void *service);

#endif
