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

/* Closes at once the sockets that are its alone and frees it; before listener_serve(). */
void listener_free(struct listener *listener);

/* Goes on by another configuration, which has it. */
void listener_take_config(struct listener *listener, const struct listen_config *config);

/* Takes over the access list of its context. */
void listener_take_acl(struct listener *listener);

/* Takes one socket of a listener, for *arg. */
typedef void listener_visitor(void *arg, const char *name, enum protocol protocol,
    const struct bound_socket *socket);

/* Calls `visit` for each address that has a socket: those of the workers have one together. */
void listener_visit(const struct listener *listener, listener_visitor *visit, void *arg);

/* Begins to serve where it did not yet, and says where in the log. */
void listener_serve(struct listener *listener);

/*
 * Stops serving and frees the listener: what waits in its queue is admitted first,
 * as far as there is room; what has arrived of datagrams is answered.  All that waits at an
 * inherited socket is left to whoever serves it next.
 */
void listener_close(struct listener *listener);

/*
 * The same on a reload, and says so in the log, but for the sockets that `successor` has, which
 * go on serving; NULL: there is none.
 */
void listener_leave(struct listener *listener, const struct listener *successor);

/*
 * Before it serves: those of its sockets that `other` has a duplicate of are left alone when it
 * leaves, with what waits there, or without where that would meet another protocol.
 */
void listener_leave_to(const struct listener *listener, const struct listener *other);

/* The same of the socket `fd`, if that is its own, where it is no echo that goes on. */
void listener_hand_on(const struct listener *listener, int fd);

/* Has it packed, with those of its sockets that are not inherited; where none is, not at all. */
int listener_pack(const struct listener *listener, const struct packed_visitor *visitor);

/* Its sockets are another process's: closes them, and nothing else, and frees it. */
void listener_let_go(struct listener *listener);

/* CARRIES_STREAMS and the like. */
unsigned listener_carries(const struct listener *listener);

/* Accepts no connection until listener_resume(). */
void listener_pause(struct listener *listener);

/* Accepts again, where it had stopped for want of room or of descriptors. */
void listener_resume(struct listener *listener);

/* True when `config` may have this listener: it differs in its address at most. */
bool listener_is(const struct listener *listener, const struct listen_config *config);

/* True when its address is written as in `config`: it may have another meaning now. */
bool listener_is_written(const struct listener *listener, const struct listen_config *config);

/* True when `socket`, one of its own, is bound to what its address means now. */
bool listener_means(const struct listener *listener, const struct bound_socket *socket);

const char *listener_name(const struct listener *listener);

/* Whether connections are accepted; *are_some is false of one that has none, but datagrams. */
bool listener_is_accepting(const struct listener *listener, bool *are_some);

/*
 * How many connections wait at its sockets to be accepted, and how many may.  Returns false where
 * the kernel does not tell, as of Unix sockets.
 */
bool listener_queue(const struct listener *listener, unsigned *length, unsigned *limit);

/* Brings its ledger to what the kernel has counted. */
void listener_look(struct listener *listener);

enum protocol listener_protocol(const struct listener *listener);
const struct bound *listener_sockets(const struct listener *listener);

#endif
