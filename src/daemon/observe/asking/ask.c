/* Asks a running echod: see ask.h. */
#include "daemon/observe/asking/ask.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/observe/http_request.h"

/* How long it waits for all of the answer: ms. */
#define PATIENCE 5000

/* No status of ours has more: bytes. */
#define ANSWER_MOST 16777216

/* The most that is shown of what somebody says instead: characters. */
#define SAID_MOST 160

struct conversation {
	const char *target;
	int fd;
	int64_t end; /* clock_ms() */
	char *answer;
	size_t used, size;
};

/* --- reaching it ------------------------------------------------------------------------------ */

/* A socket at a wildcard address is reached by the loopback. */
static void
make_reachable(struct address *address)
{
	const uint16_t port = address_port(address);

	if (address_is_wildcard(address))
		address_parse(address, address->sa.sa_family == AF_INET ? "127.0.0.1" : "::1", port);
}

/* Returns 0, or -1 with errno. */
static int
await(const struct conversation *conversation, short events)
{
	struct pollfd waiting = { .fd = conversation->fd, .events = events };
	const int64_t left = conversation->end - clock_ms();
	const int result = poll(&waiting, 1, left > 0 ? (int)left : 0);

	if (result == 0)
		errno = ETIMEDOUT;
	return result == 1 || (result == -1 && errno == EINTR) ? 0 : -1;
}

/* connect(2) that is waited for. */
static int
reach(struct conversation *conversation, const struct sockaddr *name, socklen_t length)
{
	int error = 0;
	socklen_t size = sizeof(error);

	conversation->fd = socket(name->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (conversation->fd == -1)
		return -1;
	if (connect(conversation->fd, name, length) == 0)
		return 0;
	error = errno;
	if (error == EINPROGRESS && await(conversation, POLLOUT) == 0 &&
	    getsockopt(conversation->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0)
		return 0;
	if (error == EINPROGRESS)
		error = ETIMEDOUT;
	close(conversation->fd);
	errno = error;
	return -1;
}

static int
reach_endpoint(struct conversation *conversation, const struct endpoint_view *endpoint)
{
	struct endpoint_cover cover = endpoint_cover(endpoint);
	struct sockaddr_un path;
	socklen_t length;

	if (!protocol_has_ports(endpoint->protocol)) {
		length = unix_name_to_sockaddr(endpoint->host, &path);
		return reach(conversation, (const struct sockaddr *)&path, length);
	}
	errno = ENODEV;
	for (size_t i = 0; i < cover.count; i++) {
		make_reachable(&cover.addresses[i]);
		if (reach(conversation, &cover.addresses[i].sa,
		    address_length(&cover.addresses[i])) == 0)
			return 0;
	}
	return -1;
}

/* --- the conversation ------------------------------------------------------------------ */

/* Returns 0, or -1 with errno. */
static int
make_room(struct conversation *conversation)
{
	const size_t size = conversation->size == 0 ? 65536 : 2 * conversation->size;
	char *larger;

	if (conversation->used < conversation->size)
		return 0;
	errno = EMSGSIZE;
	if (size > ANSWER_MOST || (larger = realloc(conversation->answer, size)) == NULL)
		return -1;
	conversation->answer = larger;
	conversation->size = size;
	return 0;
}

/* Reads until the end.  Returns 0, or -1 with errno. */
static int
read_answer(struct conversation *conversation)
{
	ssize_t count = 1;

	while (count != 0) {
		if (make_room(conversation) == -1)
			return -1;
		count = recv(conversation->fd, conversation->answer + conversation->used,
		    conversation->size - conversation->used, 0);
		if (count > 0)
			conversation->used += (size_t)count;
		else if (count == -1 && ((errno != EAGAIN && errno != EINTR) ||
		    await(conversation, POLLIN) == -1))
			return -1;
	}
	return 0;
}

/*
 * The request is shorter than any socket's buffer.  HTTP/1.0: who asks need not say by which name
 * he knows it.
 */
static int
converse(struct conversation *conversation)
{
	char request[ASK_TARGET_SIZE + 32];
	const int size = snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n\r\n",
	    conversation->target);

	if (send(conversation->fd, request, (size_t)size, MSG_NOSIGNAL) == -1)
		return -1;
	return read_answer(conversation);
}

/* Finds the text in an answer whose first line begins with `start`.  Returns NULL: it has none. */
static const char *
find_text(const struct conversation *conversation, const char *start, size_t *length)
{
	static const char gap[] = "\r\n\r\n";
	const size_t size = strlen(start);
	const char *text;

	if (conversation->used < size || memcmp(conversation->answer, start, size) != 0)
		return NULL;
	text = memmem(conversation->answer, conversation->used, gap, sizeof(gap) - 1);
	if (text == NULL)
		return NULL;
	text += sizeof(gap) - 1;
	*length = conversation->used - (size_t)(text - conversation->answer);
	return text;
}

/* --- all of it ------------------------------------------------------------------------- */

static bool
nobody_is_there(int error)
{
	return error == ECONNREFUSED || error == ENOENT || error == ENODEV ||
	    error == EADDRNOTAVAIL || error == EAFNOSUPPORT || error == ENETUNREACH;
}

static enum ask_result
ask(const struct endpoint_view *endpoint, struct conversation *conversation, const char **what)
{
	int result;

	*what = NULL;
	if (protocol_has_ports(endpoint->protocol) && endpoint->port == 0) {
		*what = "with port 0 the log alone knows where it is";
		return ASK_NOBODY;
	}
	if (reach_endpoint(conversation, endpoint) == -1)
		return nobody_is_there(errno) ? ASK_NOBODY : ASK_FAULTY;
	result = converse(conversation);
	close(conversation->fd);
	if (result == -1)
		return ASK_FAULTY;
	*what = "who answers there is no echod, or another version";
	return ASK_ANSWERED;
}

/* The first line of what he says instead of the page; NULL: he says nothing that is fit. */
static const char *
find_reason(const struct conversation *conversation, char said[SAID_MOST + 1])
{
	size_t length, i;
	const char *text = find_text(conversation, "HTTP/1.1 ", &length);

	for (i = 0; text != NULL && i < SAID_MOST && i < length && text[i] != '\n'; i++) {
		if (text[i] < ' ' || text[i] > '~')
			return NULL;
		said[i] = text[i];
	}
	said[i] = '\0';
	return i > 0 && find_text(conversation, "HTTP/1.1 200 ", &length) == NULL ? said : NULL;
}

enum ask_result
ask_page(const struct endpoint_view *endpoints, size_t count, const char *target,
    struct ask_answer *answer)
{
	struct conversation conversation = { .target = target, .end = clock_ms() + PATIENCE };
	enum ask_result result = ASK_NOBODY;
	char uri[ENDPOINT_TEXT_SIZE], said[SAID_MOST + 1];
	const char *what = NULL, *text = NULL;

	answer->text = NULL;
	snprintf(answer->fault, ASK_FAULT_SIZE,
	    "observe has no address and no path: it cannot be asked");
	for (size_t i = 0; i < count && result == ASK_NOBODY; i++) {
		result = ask(&endpoints[i], &conversation, &what);
		if (result == ASK_ANSWERED && find_reason(&conversation, said) != NULL)
			what = said;
		snprintf(answer->fault, ASK_FAULT_SIZE, "%s: %s",
		    endpoint_format_view(&endpoints[i], uri),
		    what != NULL ? what : strerror(errno));
	}
	if (result == ASK_ANSWERED)
		text = find_text(&conversation, "HTTP/1.1 200 ", &answer->length);
	if (text != NULL)
		answer->text = strndup(text, answer->length);
	free(conversation.answer);
	return result == ASK_ANSWERED && answer->text == NULL ? ASK_FAULTY : result;
}
