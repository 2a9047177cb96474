/*
 * The head of an HTTP request (RFC 9110, RFC 9112), as far as a server needs it that has a few
 * texts to give: GET and HEAD, no body, no second request.  Pure.
 *
 * What could mean two things is refused, not guessed: whoever stands between may have guessed
 * otherwise.
 */
#ifndef DAEMON_OBSERVE_HTTP_REQUEST_H
#define DAEMON_OBSERVE_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

/* The longest head, with the empty line at its end: bytes. */
#define HTTP_HEAD_MOST 4096

/* The status codes that are meant here (RFC 9110, 15), and what stands for "not all of it yet". */
enum http_status {
	HTTP_PARTIAL = 0,
	HTTP_OK = 200,
	HTTP_BAD_REQUEST = 400,
	HTTP_FORBIDDEN = 403,
	HTTP_NOT_FOUND = 404,
	HTTP_METHOD_NOT_ALLOWED = 405,
	HTTP_CONTENT_TOO_LARGE = 413,
	HTTP_URI_TOO_LONG = 414,
	HTTP_MISDIRECTED = 421,
	HTTP_HEAD_TOO_LARGE = 431,
	HTTP_INTERNAL_ERROR = 500,
	HTTP_NOT_IMPLEMENTED = 501,
	HTTP_UNAVAILABLE = 503,
	HTTP_VERSION_NOT_SUPPORTED = 505,
};

/* Points into the head; no NUL at its end. */
struct http_text {
	const char *text; /* NULL: there is none */
	size_t length;
};

struct http_request {
	bool is_head; /* no body in the answer: known as soon as its line is */
	struct http_text path; /* from "/" on, without a query, as it was sent */
	struct http_text query; /* behind the "?", as it was sent; NULL: there is none */
	struct http_text host; /* an address, one in brackets, or a name; without its port */
	size_t size; /* of the head */
};

/*
 * Reads the `size` bytes from `data` on, with which a stream begins.  Returns HTTP_OK, with all of
 * *request; HTTP_PARTIAL, where more must come before there is another verdict; or the status that
 * the answer is to have, with is_head alone.  The verdict over all bytes is the one over the first
 * of them that is not HTTP_PARTIAL.
 */
enum http_status http_request_parse(const char *data, size_t size, struct http_request *request);

/* Who this server is, beside its addresses and "localhost". */
struct http_names {
	const char *host; /* this host's name; "": not known */
	const char *const *names;
	size_t count;
};

/*
 * True where a request for `host` is meant for this server: a name of somebody else's that leads
 * here is how a page in a browser would read what is none of its business (DNS rebinding).  No
 * host, as HTTP/1.0 may have it, is fine.
 */
bool http_host_is_ours(const struct http_text *host, const struct http_names *names);

/* True where `path` is that one. */
bool http_path_is(const struct http_request *request, const char *path);

#endif
