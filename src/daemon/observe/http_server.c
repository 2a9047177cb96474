/* A few texts over HTTP/1.1: see http_server.h. */
#include "daemon/observe/http_server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/threads/loop.h"
#include "net/address.h"

/*
 * What is read and passed over behind a request: who closes before he has read all resets the
 * connection, and what was answered is lost.
 */
#define PASSED_OVER_MOST 1048576

/* What one recv(2) passes over at most. */
#define PASSED_OVER_AT_ONCE 65536

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7), and the NUL. */
#define DATE_SIZE 40

/* The head of what is no page. */
static const struct http_page plain = { .type = "text/plain; charset=utf-8", .fields = "" };

enum http_state {
	READING,   /* its request: waits for bytes */
	AWAITING,  /* its answer: has a ticket */
	ANSWERING, /* waits for room */
	LINGERING, /* all is sent and its end said: waits for the peer's */
};

struct http_conn {
	struct http_server *server;
	int fd;
	enum http_state state;
	int64_t end; /* clock_ms() when its life is over */
	struct event *readable, *writable;
	struct evbuffer *answer; /* what is left of it; NULL: there is none yet */
	struct http_ticket *ticket; /* whoever owes it has it; NULL: nobody does */
	const struct http_page *page; /* that is asked for; NULL: none that there is */
	bool is_head; /* the answer has no body */
	size_t passed_over;
	size_t had; /* of `head` */
	char head[HTTP_HEAD_MOST];
	TAILQ_ENTRY(http_conn) neighbours;
};

struct http_server {
	struct event_base *base;
	struct event *timer;
	const struct http_page *pages;
	size_t page_count;
	const void *of;
	struct http_names names;
	size_t count;
	void (*emptied)(void *owner); /* NULL: nobody wants to know */
	void *owner;
	TAILQ_HEAD(http_conns, http_conn) conns; /* the oldest first, which ends first */
};

static const struct phrase {
	enum http_status status;
	const char *text;
} phrases[] = {
	{ HTTP_OK, "OK" },
	{ HTTP_BAD_REQUEST, "Bad Request" },
	{ HTTP_FORBIDDEN, "Forbidden" },
	{ HTTP_NOT_FOUND, "Not Found" },
	{ HTTP_METHOD_NOT_ALLOWED, "Method Not Allowed" },
	{ HTTP_CONTENT_TOO_LARGE, "Content Too Large" },
	{ HTTP_URI_TOO_LONG, "URI Too Long" },
	{ HTTP_MISDIRECTED, "Misdirected Request" },
	{ HTTP_HEAD_TOO_LARGE, "Request Header Fields Too Large" },
	{ HTTP_INTERNAL_ERROR, "Internal Server Error" },
	{ HTTP_NOT_IMPLEMENTED, "Not Implemented" },
	{ HTTP_UNAVAILABLE, "Service Unavailable" },
	{ HTTP_VERSION_NOT_SUPPORTED, "HTTP Version Not Supported" },
};

static const char *
phrase_of(enum http_status status)
{
	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].status == status)
			return phrases[i].text;
	return "";
}

/* --- the end of a connection ------------------------------------------------------------ */

/* Frees it; what the kernel has of the answer still goes out. */
static void
end(struct http_conn *conn)
{
	struct http_server *server = conn->server;

	TAILQ_REMOVE(&server->conns, conn, neighbours);
	server->count--;
	if (conn->ticket != NULL)
		conn->ticket->conn = NULL;
	if (conn->readable != NULL)
		event_free(conn->readable);
	if (conn->writable != NULL)
		event_free(conn->writable);
	if (conn->answer != NULL)
		evbuffer_free(conn->answer);
	close(conn->fd);
	free(conn);
	if (server->count == 0 && server->emptied != NULL)
		server->emptied(server->owner);
}

/* The same by a reset: who is too slow is not to mistake half an answer for all of it. */
static void
cut_off(struct http_conn *conn)
{
	static const struct linger none = { .l_onoff = 1 };

	if (conn->state != LINGERING &&
	    setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)) == -1)
		log_debug("setsockopt(SO_LINGER): %s", strerror(errno));
	end(conn);
}

static struct http_conn *
first_of(const struct http_server *server)
{
	return TAILQ_FIRST(&server->conns);
}

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *server = arg;
	const int64_t now = clock_ms();
	struct http_conn *conn;

	(void)fd;
	(void)what;
	while ((conn = first_of(server)) != NULL && conn->end <= now)
		cut_off(conn);
	if (conn != NULL)
		loop_set_timer(server->timer, conn->end - now);
}

static struct http_conn *
oldest_that_is(const struct http_server *server, enum http_state state)
{
	struct http_conn *conn = first_of(server);

	while (conn != NULL && conn->state != state)
		conn = TAILQ_NEXT(conn, neighbours);
	return conn;
}

/* Who has all of his answer is done with; who gets one comes last. */
static void
make_room(struct http_server *server)
{
	static const enum http_state order[] = { LINGERING, READING, AWAITING, ANSWERING };
	struct http_conn *conn = NULL;

	for (size_t i = 0; conn == NULL && i < sizeof(order) / sizeof(order[0]); i++)
		conn = oldest_that_is(server, order[i]);
	if (conn != NULL)
		cut_off(conn);
}

/* --- the answer ---------------------------------------------------------------------------- */

static void
write_or_wait(struct http_conn *conn)
{
	while (evbuffer_get_length(conn->answer) > 0)
		if (evbuffer_write(conn->answer, conn->fd) == -1) {
			if (errno == EINTR)
				continue;
			if (errno != EAGAIN || event_add(conn->writable, NULL) == -1)
				cut_off(conn);
			return;
		}
	conn->state = LINGERING;
	if (shutdown(conn->fd, SHUT_WR) == -1 || event_add(conn->readable, NULL) == -1)
		end(conn);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	write_or_wait(arg);
}

/* Adds the head of the answer, whose body has `length` bytes.  Returns false: no memory. */
static bool
add_head(struct evbuffer *answer, enum http_status status, const struct http_page *page,
    size_t length)
{
	const time_t now = time(NULL);
	char date[DATE_SIZE] = "";
	struct tm utc;

	if (gmtime_r(&now, &utc) != NULL)
		strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &utc);
	return evbuffer_add_printf(answer,
	    "HTTP/1.1 %d %s\r\n"
	    "Date: %s\r\n"
	    "Content-Type: %s\r\n"
	    "Content-Length: %zu\r\n"
	    "Cache-Control: no-store\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "%s%s"
	    "Connection: close\r\n"
	    "\r\n",
	    (int)status, phrase_of(status), date, page->type, length,
	    status == HTTP_METHOD_NOT_ALLOWED ? "Allow: GET, HEAD\r\n" : "", page->fields) > 0;
}

/* The status in words, where no page has more to say. */
static bool
add_reason(struct evbuffer *body, enum http_status status)
{
	evbuffer_drain(body, evbuffer_get_length(body));
	return evbuffer_add_printf(body, "%d %s\n", (int)status, phrase_of(status)) > 0;
}

static const struct http_page *
find_page(const struct http_server *server, const struct http_request *request)
{
	for (size_t i = 0; i < server->page_count; i++)
		if (http_path_is(request, server->pages[i].path))
			return &server->pages[i];
	return NULL;
}

/* Makes the answer, of which `body` is the text, if there is one.  Returns false: no memory. */
static bool
make_answer(const struct http_conn *conn, enum http_status status, struct evbuffer *body)
{
	const bool is_page = status == HTTP_OK;

	if ((status == HTTP_INTERNAL_ERROR || evbuffer_get_length(body) == 0) && !is_page &&
	    !add_reason(body, status))
		return false;
	if (!add_head(conn->answer, status, is_page ? conn->page : &plain,
	    evbuffer_get_length(body)))
		return false;
	return conn->is_head || evbuffer_add_buffer(conn->answer, body) == 0;
}

static void
give(struct http_conn *conn, enum http_status status, struct evbuffer *body)
{
	conn->state = ANSWERING;
	conn->answer = evbuffer_new();
	if (conn->answer != NULL && make_answer(conn, status, body))
		write_or_wait(conn);
	else
		cut_off(conn);
}

/* What becomes of a request, of which `status` is the verdict: HTTP_PARTIAL where it has a ticket. */
static enum http_status
ask_page(struct http_conn *conn, enum http_status status, const struct http_request *request,
    struct evbuffer *body)
{
	const struct http_server *server = conn->server;
	const struct http_asker asker = { conn, request };

	if (status != HTTP_OK)
		return status;
	if (!http_host_is_ours(&request->host, &server->names))
		return HTTP_MISDIRECTED;
	conn->page = find_page(server, request);
	return conn->page != NULL ? conn->page->write(server->of, &asker, body) : HTTP_NOT_FOUND;
}

static void
answer(struct http_conn *conn, enum http_status status, const struct http_request *request)
{
	struct evbuffer *body = evbuffer_new();

	event_del(conn->readable);
	if (body == NULL) {
		cut_off(conn);
		return;
	}
	conn->is_head = request->is_head;
	status = ask_page(conn, status, request, body);
	if (status == HTTP_PARTIAL)
		conn->state = AWAITING;
	else
		give(conn, status, body);
	evbuffer_free(body);
}

/* --- an answer that comes later ------------------------------------------------------------ */

bool
http_is_local(const struct http_asker *asker)
{
	struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof(name);
	struct address address;

	if (getsockname(asker->conn->fd, (struct sockaddr *)&name, &length) == -1)
		return false;
	if (name.ss_family == AF_UNIX)
		return true;
	address_from_sockaddr(&address, (const struct sockaddr *)&name, length);
	return address_is_loopback(&address);
}

void
http_take_ticket(const struct http_asker *asker, struct http_ticket *ticket)
{
	ticket->conn = asker->conn;
	asker->conn->ticket = ticket;
}

void
http_answer(struct http_ticket *ticket, enum http_status status, struct evbuffer *body)
{
	struct http_conn *conn = ticket->conn;

	if (conn == NULL)
		return;
	conn->ticket = NULL;
	ticket->conn = NULL;
	give(conn, status, body);
}

/* --- the request --------------------------------------------------------------------------- */

/* An end before the request is whole gets no answer: so do the checks of balancers. */
static void
read_request(struct http_conn *conn)
{
	const ssize_t count =
	    recv(conn->fd, conn->head + conn->had, sizeof(conn->head) - conn->had, 0);
	struct http_request request;
	enum http_status status;

	if (count == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count <= 0) {
		end(conn);
		return;
	}
	conn->had += (size_t)count;
	status = http_request_parse(conn->head, conn->had, &request);
	if (status != HTTP_PARTIAL)
		answer(conn, status, &request);
}

static void
pass_over(struct http_conn *conn)
{
	char scratch[PASSED_OVER_AT_ONCE];
	const ssize_t count = recv(conn->fd, scratch, sizeof(scratch), 0);

	if (count == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count > 0)
		conn->passed_over += (size_t)count;
	if (count <= 0 || conn->passed_over > PASSED_OVER_MOST)
		end(conn);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *conn = arg;

	(void)fd;
	(void)what;
	if (conn->state == LINGERING)
		pass_over(conn);
	else
		read_request(conn);
}

static struct http_conn *
conn_new(struct http_server *server, int fd)
{
	struct http_conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL) {
		close(fd);
		return NULL;
	}
	conn->server = server;
	conn->fd = fd;
	conn->end = clock_ms() + HTTP_LIFE;
	TAILQ_INSERT_TAIL(&server->conns, conn, neighbours);
	server->count++;
	conn->readable = event_new(server->base, fd, EV_READ | EV_PERSIST, on_readable, conn);
	conn->writable = event_new(server->base, fd, EV_WRITE, on_writable, conn);
	if (conn->readable != NULL && conn->writable != NULL && event_add(conn->readable, NULL) == 0)
		return conn;
	cut_off(conn);
	return NULL;
}

void
http_server_take(struct http_server *server, int fd)
{
	struct http_conn *conn;

	if (server->count == HTTP_SLOTS)
		make_room(server);
	conn = conn_new(server, fd);
	if (conn == NULL)
		return;
	if (!event_pending(server->timer, EV_TIMEOUT, NULL))
		loop_set_timer(server->timer, HTTP_LIFE);
	read_request(conn); /* it mostly is there: so a flood does not push out who asks at once */
}

/* --- life ------------------------------------------------------------------------------------ */

struct http_server *
http_server_new(struct event_base *base, const struct http_page *pages, size_t count,
    const void *of)
{
	struct http_server *server = calloc(1, sizeof(*server));

	if (server == NULL)
		return NULL;
	server->base = base;
	server->pages = pages;
	server->page_count = count;
	server->of = of;
	server->names.host = "";
	TAILQ_INIT(&server->conns);
	server->timer = evtimer_new(base, on_time, server);
	if (server->timer != NULL)
		return server;
	free(server);
	errno = ENOMEM;
	return NULL;
}

void
http_server_free(struct http_server *server)
{
	struct http_conn *conn, *next;

	if (server == NULL)
		return;
	for (conn = first_of(server); conn != NULL; conn = next) {
		next = TAILQ_NEXT(conn, neighbours);
		end(conn);
	}
	event_free(server->timer);
	free(server);
}

void
http_server_set_names(struct http_server *server, const struct http_names *names)
{
	server->names = *names;
}

void
http_server_watch(struct http_server *server, void (*emptied)(void *owner), void *owner)
{
	server->emptied = emptied;
	server->owner = owner;
}

size_t
http_server_open(const struct http_server *server)
{
	return server->count;
}
