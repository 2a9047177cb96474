/* How a connection is opened: see opening.h. */
#include "client/transport/opening.h"

#include <errno.h>
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

	if (error != 0)
		return error;
	if (channel->wish->greeting.size > 0) {
		channel->opening = calloc(1, sizeof(*channel->opening));
		if (channel->opening == NULL)
			return ENOMEM;
		pattern_begin(&channel->opening->match, &channel->wish->greeting);
	}
	return opening_go_on(channel);
}

void
opening_clear(struct channel *channel)
{
	free(channel->opening);
	channel->opening = NULL;
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

/* It has not come as a whole: `when` tells by when, or before what. */
static int
tell_missing(struct channel *channel, const char *when)
{
	const struct opening *opening = channel->opening;
	char text[ESCAPE_TEXT_SIZE];

	if (opening->size == 0)
		channel_blame(channel, "no greeting %s", when);
	else
		channel_blame(channel, "only %s of the greeting %s",
		    escape_payload(opening->greeting, opening->size, text), when);
	return ERROR_UNGREETED;
}

static int
tell_failure(struct channel *channel, int error)
{
	char when[128];

	if (error == ERROR_UNSECURED)
		return error; /* told already */
	if (error == 0)
		return tell_missing(channel, "before the server closes the connection");
	snprintf(when, sizeof(when), "before the connection fails: %s",
	    channel_error_text(channel, error));
	return tell_missing(channel, when);
}

/* It is another one: all that came is shown. */
static int
tell_wrong(struct channel *channel)
{
	struct opening *opening = channel->opening;
	char text[ESCAPE_TEXT_SIZE];
	ssize_t n;

	n = channel->kind->receive(channel, opening->greeting + opening->size,
	    OPENING_MOST - opening->size, NULL);
	if (n > 0)
		opening->size += (size_t)n;
	channel_blame(channel, "the greeting is another one: %s",
	    escape_payload(opening->greeting, opening->size, text));
	return ERROR_UNGREETED;
}

/* What follows the greeting is the user's: so it is taken byte by byte. */
static int
take_greeting(struct channel *channel)
{
	struct opening *opening = channel->opening;
	enum pattern_verdict verdict = PATTERN_PARTIAL;
	char *next;

	while (verdict == PATTERN_PARTIAL && opening->size < OPENING_MOST) {
		next = opening->greeting + opening->size;
		if (channel->kind->receive(channel, next, 1, NULL) == -1)
			return errno == EAGAIN || errno == EINTR ? EAGAIN
			    : tell_failure(channel, errno);
		opening->size++;
		verdict = pattern_take(&opening->match, (unsigned char)*next);
	}
	return verdict == PATTERN_FITS ? 0 : tell_wrong(channel);
}

int
opening_go_on(struct channel *channel)
{
	const int error = channel->kind->shake != NULL ? channel->kind->shake(channel) : 0;

	if (error != 0 || channel->opening == NULL)
		return error;
	return take_greeting(channel);
}

int
opening_end(struct channel *channel)
{
	const int error = opening_go_on(channel);
	const double timeout = channel->wish->timeout;
	char when[64];

	if (error != EAGAIN)
		return error;
	if (channel->kind->shake != NULL && channel->kind->shake(channel) != 0) {
		channel_blame(channel, "no TLS within %g s", timeout);
		return ERROR_UNSECURED;
	}
	snprintf(when, sizeof(when), "within %g s", timeout);
	return tell_missing(channel, when);
}
