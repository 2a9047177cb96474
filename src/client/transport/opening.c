/* How a connection is opened: see opening.h. */
#include "client/transport/opening.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/escape.h"
#include "client/report.h"

struct opening {
	struct pattern_match match;
	size_t size; /* of what came of the greeting */
	char greeting[OPENING_MOST];
	char *fault; /* what is wrong with it; NULL: nothing is known to be */
};

/* Returns 0 or an errno. */
static int
send_header(const struct channel *channel)
{
	const struct proxying *proxying = &channel->wish->proxying;
	uint8_t header[PROXY_HEADER_SIZE];
	size_t size;
	ssize_t n;

	if (proxying->header.version == 0)
		return 0;
	size = proxying_format(proxying, &channel->local, &channel->peer, header);
	n = send(channel->fd, header, size, MSG_NOSIGNAL);
	if (n == -1)
		return errno;
	return (size_t)n == size ? 0 : ENOBUFS; /* a new socket takes more than that */
}

int
opening_begin(struct channel *channel)
{
	const int error = send_header(channel);

	if (error != 0 || channel->wish->greeting.size == 0)
		return error;
	channel->opening = calloc(1, sizeof(*channel->opening));
	if (channel->opening == NULL)
		return ENOMEM;
	pattern_begin(&channel->opening->match, &channel->wish->greeting);
	return EAGAIN;
}

void
opening_clear(struct channel *channel)
{
	if (channel->opening == NULL)
		return;
	free(channel->opening->fault);
	free(channel->opening);
	channel->opening = NULL;
}

const char *
channel_ungreeted(const struct channel *channel)
{
	return channel->opening != NULL ? channel->opening->fault : NULL;
}

size_t
channel_greeting(const struct channel *channel, const char **greeting)
{
	*greeting = channel->opening != NULL ? channel->opening->greeting : "";
	return channel->opening != NULL ? channel->opening->size : 0;
}

json_t *
channel_greeting_json(const struct channel *channel)
{
	const char *greeting;
	const size_t size = channel != NULL ? channel_greeting(channel, &greeting) : 0;

	return size > 0 ? report_bytes(greeting, size) : NULL;
}

/* --- the greeting ------------------------------------------------------------------------ */

static void __attribute__((format(printf, 2, 3)))
tell(struct channel *channel, const char *format, ...)
{
	struct opening *opening = channel->opening;
	va_list args;

	free(opening->fault);
	va_start(args, format);
	if (vasprintf(&opening->fault, format, args) == -1)
		opening->fault = NULL;
	va_end(args);
}

/* It has not come as a whole: `when` tells by when, or before what. */
static int
tell_missing(struct channel *channel, const char *when)
{
	const struct opening *opening = channel->opening;
	char text[ESCAPE_TEXT_SIZE];

	if (opening->size == 0)
		tell(channel, "no greeting %s", when);
	else
		tell(channel, "only %s of the greeting %s",
		    escape_payload(opening->greeting, opening->size, text), when);
	return EBADMSG;
}

static int
tell_failure(struct channel *channel, int error)
{
	char when[128];

	snprintf(when, sizeof(when), "before the connection fails: %s", strerror(error));
	return tell_missing(channel, when);
}

/* Returns how many of the `size` bytes that came next are the greeting's. */
static size_t
match(struct opening *opening, size_t size, enum pattern_verdict *verdict)
{
	const char *came = opening->greeting + opening->size;
	size_t taken = 0;

	*verdict = PATTERN_PARTIAL;
	while (taken < size && *verdict == PATTERN_PARTIAL)
		*verdict = pattern_take(&opening->match, (unsigned char)came[taken++]);
	return taken;
}

static int
judge(struct channel *channel, size_t size, enum pattern_verdict verdict)
{
	struct opening *opening = channel->opening;
	char text[ESCAPE_TEXT_SIZE];

	if (verdict == PATTERN_FITS)
		return 0;
	if (verdict == PATTERN_PARTIAL && opening->size < OPENING_MOST)
		return EAGAIN;
	tell(channel, "the greeting is another one: %s",
	    escape_payload(opening->greeting, size, text));
	return EBADMSG;
}

/* What follows the greeting stays in the socket: it is the user's. */
int
opening_go_on(struct channel *channel)
{
	struct opening *opening = channel->opening;
	char *to = opening->greeting + opening->size;
	const ssize_t n = recv(channel->fd, to, OPENING_MOST - opening->size, MSG_PEEK);
	enum pattern_verdict verdict;
	size_t taken;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return EAGAIN;
	if (n == -1)
		return tell_failure(channel, errno);
	if (n == 0)
		return tell_missing(channel, "before the server closes the connection");
	taken = match(opening, (size_t)n, &verdict);
	if (recv(channel->fd, to, taken, 0) != (ssize_t)taken)
		return tell_failure(channel, EIO);
	opening->size += taken;
	/* Of a wrong one all that came is shown. */
	return judge(channel, opening->size - taken + (size_t)n, verdict);
}

int
opening_end(struct channel *channel)
{
	const int error = opening_go_on(channel);
	char when[64];

	if (error != EAGAIN)
		return error;
	snprintf(when, sizeof(when), "within %g s", channel->wish->timeout);
	return tell_missing(channel, when);
}
