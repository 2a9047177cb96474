/*
 * The listeners in force, and how a configuration replaces them: prepared as a
 * whole, then committed, or not at all.
 */
#ifndef DAEMON_LISTEN_LISTENERS_H
#define DAEMON_LISTEN_LISTENERS_H

#include "daemon/listen/listener.h"

struct listeners;

struct listeners_change {
	size_t added, removed, kept;
	size_t renewed; /* have other sockets, all or some, for the same address */
};

/* Returns a set without listeners, or NULL; listeners_free() after listeners_close(). */
struct listeners *listeners_new(const struct listener_context *context);
void listeners_free(struct listeners *listeners);

/*
 * Binds what `config` has and the set has not.  A socket stays where its listener, by whatever
 * address, still means what it is bound to, and it lives.  A listener that is written as before
 * stays as it is where what its address means now cannot be had: that is a warning in the log.
 * Returns 0, or -1 with the faults told and nothing changed.
 * After 0 the caller ends it by listeners_commit() or listeners_roll_back().
 */
int listeners_prepare(struct listeners *listeners, const struct config *config,
    struct faults *faults);

/*
 * The descriptors of what was prepared and is not inherited, in *fds for free(), with room for
 * `more`.  Returns how many; NULL in *fds: memory ran out.
 */
size_t listeners_prepared(const struct listeners *listeners, int **fds, size_t more);

/*
 * Begins to serve what was prepared and closes what has left.  Cannot fail.  *config, the one
 * that was prepared, lives until another is committed and those listeners are closed.
 */
struct listeners_change listeners_commit(struct listeners *listeners,
    const struct config *config);
void listeners_roll_back(struct listeners *listeners);

/*
 * Once they are prepared, adds the sockets that do not stay and share addresses with `protocol` to
 * leaving->sockets, which has room for listeners_socket_count() more.
 */
void listeners_add_leaving(const struct listeners *listeners, enum protocol protocol,
    struct leaving *leaving);

/* How many sockets those in force have. */
size_t listeners_socket_count(const struct listeners *listeners);

/* Closes all of them, as listener_close() does. */
void listeners_close(struct listeners *listeners);

/* No connection is accepted until listeners_resume(). */
void listeners_pause(struct listeners *listeners);

/* A connection has ended: who waits for room or for descriptors looks again. */
void listeners_resume(struct listeners *listeners);

/*
 * Those that carry any of `carried` (CARRIES_TLS) accept nobody, whoever has them resume, until
 * other ones are held; 0: none is.
 */
void listeners_hold(struct listeners *listeners, unsigned carried);

size_t listeners_count(const struct listeners *listeners);

/* One of them, in the order of the configuration; NULL: there are no more. */
const struct listener *listeners_get(const struct listeners *listeners, size_t index);

/* listener_look() of each. */
void listeners_look(const struct listeners *listeners);

/* listener_visit() of each, in the order of the configuration. */
void listeners_visit(const struct listeners *listeners, listener_visitor *visit, void *arg);

/* --- from one process to another (packed.h) ------------------------------------------- */

/* Has each packed, with those of its sockets that are not inherited. */
int listeners_pack(const struct listeners *listeners, const struct packed_visitor *visitor);

/*
 * They are another process's: closes the sockets here, and nothing else; the workers stand still.
 * None is left.
 */
void listeners_let_go(struct listeners *listeners);

/*
 * Before the first listeners_prepare(), which then is a reload from those that were adopted: what
 * still means the same stays, and what leaves is served to its end.  Takes over the descriptors of
 * `count` sockets of one listener, also where it returns false, with a fault; what it says is
 * copied.  Until the first commit they are not served, and nothing else is done to them.
 */
bool listeners_adopt(struct listeners *listeners, const struct packed_listener *packed,
    const struct packed_socket *sockets, const int *fds, size_t count, struct faults *faults);

/*
 * Before listeners_commit(): the socket `fd` of one that leaves goes on as a duplicate that serves
 * something else than an echo; who waits there is echoed.
 */
void listeners_hand_on(const struct listeners *listeners, int fd);

/* Another process serves them, until the first commit. */
bool listeners_are_adopted(const struct listeners *listeners);

/*
 * Makes *socket of `fd`, for one of so many workers.  Returns NULL, or what is wrong with it, for a
 * sentence that begins with the socket.
 */
const char *listeners_adopt_socket(const struct packed_listener *packed,
    const struct packed_socket *of, int fd, size_t workers, struct bound_socket *socket);

#endif
