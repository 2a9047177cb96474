/*
 * Where the HTTP server listens: an address, a Unix socket's path, or both, bound as listeners
 * are and replaced by a reload as a whole, or not at all.  They accept until they are closed, a
 * drain or not.
 */
#ifndef DAEMON_OBSERVE_HTTP_LISTENERS_H
#define DAEMON_OBSERVE_HTTP_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/faults.h"
#include "daemon/listen/bind.h"
#include "daemon/observe/http_server.h"

/* What they are called in the log. */
#define HTTP_LISTENERS_NAME "observe"

/* An address and a path. */
#define HTTP_PLACES_MAX 2

struct http_places {
	size_t count;
	struct endpoint_view endpoints[HTTP_PLACES_MAX];
	mode_t mode; /* of a path's file */
};

struct inherited;
struct listeners;
struct http_listeners;

/*
 * Without any; all of it outlives them.  An address that one of `others` leaves at the same time,
 * which are prepared before, may be taken.  Returns NULL with errno.
 */
struct http_listeners *http_listeners_new(struct event_base *base, struct http_server *server,
    const struct inherited *inherited, const struct listeners *others);

/* Closes all of them. */
void http_listeners_free(struct http_listeners *listeners);

/*
 * Binds what *places has and they have not; what it points to lives until others are committed.
 * Returns 0, then the caller ends it by http_listeners_commit() or http_listeners_roll_back(); or
 * -1 with faults and nothing changed.
 */
int http_listeners_prepare(struct http_listeners *listeners, const struct http_places *places,
    struct faults *faults);
void http_listeners_commit(struct http_listeners *listeners);
void http_listeners_roll_back(struct http_listeners *listeners);

/* Nobody is accepted, of those in force, until http_listeners_resume(). */
void http_listeners_pause(struct http_listeners *listeners);
void http_listeners_resume(struct http_listeners *listeners);

/* --- from one process to another (daemon/listen/packed.h) ------------------------------- */

/* Has each packed, with those of its sockets that are not inherited. */
int http_listeners_pack(const struct http_listeners *listeners,
    const struct packed_visitor *visitor);

/* They are another process's: closes the sockets here, and nothing else.  None is left. */
void http_listeners_let_go(struct http_listeners *listeners);

/* As listeners_adopt(), before the first http_listeners_prepare(). */
bool http_listeners_adopt(struct http_listeners *listeners, const struct packed_listener *packed,
    const struct packed_socket *sockets, const int *fds, size_t count, struct faults *faults);

/* How many sockets those in force have. */
size_t http_listeners_socket_count(const struct http_listeners *listeners);

/* How many sockets were prepared that are not inherited; their descriptors go to `fds`. */
size_t http_listeners_prepared(const struct http_listeners *listeners, int *fds);

/* How many that can be at most. */
#define HTTP_LISTENERS_FDS_MAX (HTTP_PLACES_MAX * ENDPOINT_ADDRESSES_MAX)

#endif
