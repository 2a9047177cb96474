/*
 * A listener: the sockets of one `listen` section, and what serves them, by its kind
 * (kind.h).
 */
#ifndef DAEMON_LISTEN_LISTENER_H
#define DAEMON_LISTEN_LISTENER_H

#include <stdbool.h>

#include "daemon/account/census.h"
#include "daemon/config/config.h"
#include "daemon/listen/bind.h"
#include "daemon/listen/context.h"

struct listener;

/*
 * Makes a listener of *bound, which it takes over; it serves nobody yet.  *config lives until
 * the listener has another one, or is gone.  Returns NULL with errno, *bound still the caller's.
 */
struct listener *listener_new(const struct listen_config *config, const struct bound *bound,
    const struct listener_context *context);

/* Closes the sockets at once and frees the listener; before listener_serve(). */
void listener_free(struct listener *listener);

/* Goes on by another configuration, of which listener_is() holds. */
void listener_take_config(struct listener *listener, const struct listen_config *config);

/* Takes over the access list of its context. */
void listener_take_acl(struct listener *listener);

/* Takes one socket of a listener, for *arg. */
typedef void listener_visitor(void *arg, const char *name, enum protocol protocol,
    const struct bound_socket *socket);

/* Calls `visit` for each address that has a socket: those of the workers have one together. */
void listener_visit(const struct listener *listener, listener_visitor *visit, void *arg);

/* Begins to serve, and says where in the log. */
void listener_serve(struct listener *listener);

/*
 * Stops serving and frees the listener: what waits in its queue is admitted first,
 * as far as there is room; what has arrived of datagrams is answered.  All that waits at an
 * inherited socket is left to whoever serves it next.
 */
void listener_close(struct listener *listener);

/* Accepts again, where it had stopped for want of room or of descriptors. */
void listener_resume(struct listener *listener);

/* True when `config` has this listener: it differs in nothing but what changes in place. */
bool listener_is(const struct listener *listener, const struct listen_config *config);

enum protocol listener_protocol(const struct listener *listener);
const struct bound *listener_sockets(const struct listener *listener);

#endif
