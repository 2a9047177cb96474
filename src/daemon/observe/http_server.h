/*
 * A few texts over HTTP/1.1 (RFC 9112), for whoever comes: made anew for each request, in the
 * control thread, which never waits.  A text that takes longer comes later, by a ticket.
 *
 * A connection is for one request and lives HTTP_LIFE at most, whatever it does.  There are
 * HTTP_SLOTS of them; when one more comes, the oldest goes that has no whole request yet.  So who
 * sends nothing, or slowly, keeps nobody out.
 */
#ifndef DAEMON_OBSERVE_HTTP_SERVER_H
#define DAEMON_OBSERVE_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/observe/http_request.h"

#define HTTP_SLOTS 64
#define HTTP_LIFE 5000 /* ms */

struct evbuffer;
struct event_base;
struct http_conn;
struct http_server;

/* Who asks for a page, until that is written. */
struct http_asker {
	struct http_conn *conn;
	const struct http_request *request;
};

/*
 * Who is owed an answer that comes later, if he is still there.  It is part of what whoever owes
 * it has, which lives until http_answer(), or until he is gone.
 */
struct http_ticket {
	struct http_conn *conn; /* NULL: he is gone, or was answered */
};

/* What one path has. */
struct http_page {
	const char *path, *type; /* of its text, as Content-Type has it */
	const char *fields;      /* further ones of the head, each with its end of line; "": none */
	/*
	 * Adds the text to `body` and returns HTTP_OK, or what else the status is, with the text of
	 * that, which is plain: none, the status says it all, as HTTP_INTERNAL_ERROR, where memory
	 * ran out.  Or it took a ticket, and returns HTTP_PARTIAL.
	 */
	enum http_status (*write)(const void *of, const struct http_asker *asker,
	    struct evbuffer *body);
};

/* For `count` pages of `of`; all of it outlives the server.  Returns NULL with errno. */
struct http_server *http_server_new(struct event_base *base, const struct http_page *pages,
    size_t count, const void *of);

/* Closes its connections too. */
void http_server_free(struct http_server *server);

/* Who it is from now on; what *names points to lives until the next call. */
void http_server_set_names(struct http_server *server, const struct http_names *names);

/* Takes over `fd`, just accepted, which does not block. */
void http_server_take(struct http_server *server, int fd);

/* True where who asks came by the loopback, or by a Unix socket: from this host alone. */
bool http_is_local(const struct http_asker *asker);

/* From write(): the answer comes later, within HTTP_LIFE, or nobody waits for it any more. */
void http_take_ticket(const struct http_asker *asker, struct http_ticket *ticket);

/* Answers as write() does, with all of `body`; where he is gone, nothing happens. */
void http_answer(struct http_ticket *ticket, enum http_status status, struct evbuffer *body);

/* Once its last connection has ended, calls `emptied` with `owner`, each time. */
void http_server_watch(struct http_server *server, void (*emptied)(void *owner), void *owner);

/* How many connections it has. */
size_t http_server_open(const struct http_server *server);

#endif
