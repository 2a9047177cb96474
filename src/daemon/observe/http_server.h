/*
 * A few texts over HTTP/1.1 (RFC 9112), for whoever comes: made anew for each request, in the
 * control thread, which never waits.
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
struct http_server;

/* What one path has. */
struct http_page {
	const char *path, *type; /* of its text, as Content-Type has it */
	const char *fields;      /* further ones of the head, each with its end of line; "": none */
	/*
	 * Adds the text to `body` and returns HTTP_OK, or HTTP_UNAVAILABLE, which has a text too;
	 * anything else has none: HTTP_INTERNAL_ERROR, where memory ran out.
	 */
	enum http_status (*write)(const void *of, struct evbuffer *body);
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

/* How many connections it has. */
size_t http_server_open(const struct http_server *server);

#endif
