/* Reaching the far end: see reach.h. */
#include "client/transport/reach.h"

#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

/* What came of one address. */
struct attempt {
	bool over;
	int error; /* errno, 0 where it was reached */
};

static void
on_connected(void *arg, int error)
{
	*(struct attempt *)arg = (struct attempt){ true, error };
}

/* Returns 0 with the channel open, or an errno with it closed. */
static int
try_address(struct channel *channel, struct event_base *base, const struct address *peer)
{
	struct attempt attempt = { false, 0 };

	attempt.error = channel_connect(channel, peer, on_connected, &attempt);
	while (attempt.error == 0 && !attempt.over)
		if (event_base_loop(base, EVLOOP_ONCE) == -1)
			attempt.error = errno;
	return attempt.error;
}

/* Adds "cannot connect to 127.0.0.1:7: Connection refused", or what follows it. */
static void
add_fault(char *fault, size_t size, const struct address *peer, int error)
{
	char text[ADDRESS_TEXT_SIZE];
	const size_t at = strlen(fault);

	snprintf(fault + at, size - at, "%s%s: %s", at == 0 ? "cannot connect to " : "; ",
	    address_format(peer, text), strerror(error));
}

/* Tries them in turn.  Returns false where none was reached. */
static bool
try_each(struct channel *channel, struct event_base *base, const struct addrinfo *found,
    uint16_t port, enum ending *ending, char *fault, size_t fault_size)
{
	*ending = ENDING_REFUSED;
	for (; found != NULL; found = found->ai_next) {
		struct address peer;
		int error;

		address_from_sockaddr(&peer, found->ai_addr, found->ai_addrlen);
		address_set_port(&peer, port);
		error = try_address(channel, base, &peer);
		if (error == 0)
			return true;
		if (error != ECONNREFUSED)
			*ending = ENDING_UNREACHED;
		add_fault(fault, fault_size, &peer, error);
	}
	return false;
}

struct channel *
reach(struct event_base *base, const struct channel_wish *wish, enum ending *ending, char *fault,
    size_t fault_size)
{
	const struct addrinfo hints = {
		.ai_family = wish->family,
		.ai_socktype = protocol_socket_type(wish->uri.protocol),
	};
	struct channel *channel;
	struct addrinfo *found;
	const int error = getaddrinfo(wish->uri.host, NULL, &hints, &found);

	*fault = '\0';
	if (error != 0) {
		*ending = ENDING_UNRESOLVED;
		snprintf(fault, fault_size, "cannot find %s: %s", wish->uri.host,
		    error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
		return NULL;
	}
	channel = channel_new(base, wish);
	if (channel == NULL) {
		*ending = ENDING_ERROR;
		snprintf(fault, fault_size, "%s", strerror(errno));
	} else if (!try_each(channel, base, found, wish->uri.port, ending, fault, fault_size)) {
		channel_free(channel);
		channel = NULL;
	}
	freeaddrinfo(found);
	return channel;
}
