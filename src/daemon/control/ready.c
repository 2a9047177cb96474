/* The line of --ready-fd: see ready.h. */
#include "daemon/control/ready.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/listen/listeners.h"
#include "net/endpoint.h"

struct ready {
	int fd;    /* -1: nobody wants to know, or it has been told */
	int flags; /* of what it is open on, as they were */
	char *line;
	size_t length, written;
	struct event *room; /* for the rest of the line; NULL: none was needed */
};

/* --- the descriptor ------------------------------------------------------------------ */

/* Decimal digits alone, or -1. */
static int
read_number(const char *text)
{
	int number = 0;

	for (const char *digit = text; *digit != '\0'; digit++) {
		if (*digit < '0' || *digit > '9' || number > (INT_MAX - 9) / 10)
			return -1;
		number = 10 * number + (*digit - '0');
	}
	return *text != '\0' ? number : -1;
}

/* One that listens, or that a service manager passes for datagrams, is no way to anybody. */
static bool
is_socket_without_peer(int fd)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);

	return getpeername(fd, (struct sockaddr *)&peer, &length) == -1 && errno == ENOTCONN;
}

int
ready_read(const char *text, const char **right)
{
	const int fd = read_number(text);
	const int flags = fd != -1 ? fcntl(fd, F_GETFL) : -1;

	if (fd == -1)
		*right = "give the number of a descriptor";
	else if (fd == STDIN_FILENO || fd == STDERR_FILENO)
		*right = "give 1, or 3 and above: the log goes to 2";
	else if (flags == -1)
		*right = "no such descriptor is open: open it first, as by 3>FILE";
	else if ((flags & O_ACCMODE) == O_RDONLY)
		*right = "it is not open for writing: give one that is";
	else if (is_socket_without_peer(fd))
		*right = "it is a socket without a peer: give a pipe, or one that is connected";
	else
		return fd;
	return -1;
}

/* Standard output stays open, so that nothing else gets its number. */
static int
give_up(int fd)
{
	int null, result;

	if (fd != STDOUT_FILENO)
		return close(fd);
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null == -1)
		return -1;
	result = dup2(null, fd);
	close(null);
	return result;
}

struct ready *
ready_new(int fd)
{
	struct ready *ready = calloc(1, sizeof(*ready));

	if (ready == NULL)
		return NULL;
	ready->fd = fd;
	if (fd == -1)
		return ready;
	/* A low number, as select(2) needs, that no program and no thread's child gets. */
	ready->fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	ready->flags = fcntl(fd, F_GETFL);
	if (ready->fd != -1 && ready->flags != -1 && give_up(fd) != -1)
		return ready;
	ready_free(ready);
	return NULL;
}

/* Others may have a terminal, or the same end of a pipe: they find it as it was. */
static void
end(struct ready *ready)
{
	if (ready->fd == -1)
		return;
	if (ready->line != NULL && fcntl(ready->fd, F_SETFL, ready->flags) == -1)
		log_debug("fcntl(F_SETFL): %s", strerror(errno));
	close(ready->fd);
	ready->fd = -1;
}

void
ready_free(struct ready *ready)
{
	const int saved_errno = errno;

	if (ready == NULL)
		return;
	if (ready->room != NULL)
		event_free(ready->room);
	end(ready);
	free(ready->line);
	free(ready);
	errno = saved_errno;
}

/* --- the line ------------------------------------------------------------------------ */

/* What is told of the sockets. */
struct told {
	json_t *list;
	bool complete;
};

/* Adds one, by a URI that a peer on this host can reach: of a wildcard by the loopback. */
static void
add_socket(void *arg, const char *name, enum protocol protocol, const struct bound_socket *socket)
{
	struct told *told = arg;
	struct address address = socket->address;
	char uri[ENDPOINT_SOCKET_SIZE];

	if (address_is_wildcard(&address))
		address_parse(&address, address.sa.sa_family == AF_INET || socket->dual_stack
		    ? "127.0.0.1" : "::1", address_port(&socket->address));
	if (protocol_has_ports(protocol))
		endpoint_format_socket(protocol, &address, false, uri);
	else
		snprintf(uri, sizeof(uri), "%s", socket->uri);
	if (json_array_append_new(told->list,
	    json_pack("{s:s, s:s}", "name", name, "uri", uri)) == -1)
		told->complete = false;
}

/* Returns the line, for free(), or NULL. */
static char *
make_line(const struct listeners *listeners, size_t *length)
{
	struct told told = { .list = json_array(), .complete = true };
	json_t *object;
	char *text = NULL, *line = NULL;

	listeners_visit(listeners, add_socket, &told);
	object = json_pack("{s:i, s:o}", "pid", (int)getpid(), "listeners", told.list);
	if (told.complete && object != NULL)
		text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	if (text != NULL && asprintf(&line, "%s\n", text) == -1)
		line = NULL;
	free(text);
	*length = line != NULL ? strlen(line) : 0;
	return line;
}

/* Returns false where the rest has to wait. */
static bool
write_line(struct ready *ready)
{
	ssize_t count;

	while (ready->written < ready->length) {
		count = write(ready->fd, ready->line + ready->written,
		    ready->length - ready->written);
		if (count == -1 && errno == EAGAIN)
			return false;
		if (count == -1 && errno != EINTR) {
			log_warning("cannot write to --ready-fd: %s", strerror(errno));
			break;
		}
		if (count > 0)
			ready->written += (size_t)count;
	}
	end(ready);
	return true;
}

static void
on_room(evutil_socket_t fd, short what, void *arg)
{
	struct ready *ready = arg;

	(void)fd;
	(void)what;
	if (!write_line(ready))
		event_add(ready->room, NULL);
}

void
ready_tell(struct ready *ready, struct event_base *base, const struct listeners *listeners)
{
	if (ready->fd == -1)
		return;
	ready->line = make_line(listeners, &ready->length);
	if (ready->line == NULL) {
		log_warning("cannot write to --ready-fd: %s", strerror(ENOMEM));
		end(ready);
		return;
	}
	if (fcntl(ready->fd, F_SETFL, ready->flags | O_NONBLOCK) == -1)
		log_debug("fcntl(O_NONBLOCK): %s", strerror(errno));
	if (write_line(ready))
		return;
	ready->room = event_new(base, ready->fd, EV_WRITE, on_room, ready);
	if (ready->room != NULL && event_add(ready->room, NULL) == 0)
		return;
	log_warning("cannot write to --ready-fd: %s", strerror(ENOMEM));
	end(ready);
}
