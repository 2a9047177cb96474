/* Reaching the far end: see reach.h. */
#include "client/transport/reach.h"

#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/transport/lookup.h"

struct reach {
	struct event_base *base;
	struct channel *channel;
	const struct channel_wish *wish;
	struct lookup *lookup;       /* NULL: none waits */
	struct addrinfo *found;      /* what the name is now; NULL: it was not found */
	const struct addrinfo *next; /* the one to try after this */
	char *fault;                 /* NULL: nothing is wrong yet */
	bool told_address;           /* `fault` has one */
	enum ending ending;          /* what `fault` comes to */
	bool under_way;
	reach_done *done;
	void *arg;
};

/* Without memory the fault stays as short as it was. */
static void __attribute__((format(printf, 2, 3)))
add_fault(struct reach *reach, const char *format, ...)
{
	char *piece = NULL, *longer = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&piece, format, args) == -1)
		piece = NULL;
	va_end(args);
	if (piece != NULL && asprintf(&longer, "%s%s%s", reach->fault != NULL ? reach->fault : "",
	    reach->fault != NULL ? "; " : "", piece) != -1) {
		free(reach->fault);
		reach->fault = longer;
	}
	free(piece);
}

/* "cannot connect to 127.0.0.1:7: Connection refused", and what follows it without its head. */
static void
tell_address(struct reach *reach, const char *why)
{
	char text[CHANNEL_TEXT_SIZE];

	add_fault(reach, "%s%s: %s", reach->told_address ? "" : "cannot connect to ",
	    channel_peer(reach->channel, text), why);
	reach->told_address = true;
}

/* What an errno of connect(2) means of a Unix socket; "": what it says. */
static const char *
meaning_of(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return ": nobody listens there";
	case EAGAIN:
		return ": too many wait there";
	case EPROTOTYPE:
		return ": it is no stream socket";
	default:
		return "";
	}
}

static void
add_address(struct reach *reach, int error)
{
	char why[128];

	if (error != ECONNREFUSED)
		reach->ending = ENDING_UNREACHED;
	snprintf(why, sizeof(why), "%s%s", strerror(error),
	    protocol_has_ports(reach->wish->uri.protocol) ? "" : meaning_of(error));
	tell_address(reach, why);
}

static void
clear(struct reach *reach)
{
	lookup_cancel(reach->lookup);
	reach->lookup = NULL;
	if (reach->found != NULL)
		freeaddrinfo(reach->found);
	reach->found = NULL;
	reach->next = NULL;
}

static const char *
fault_of(const struct reach *reach)
{
	return reach->fault != NULL ? reach->fault : strerror(ENOMEM);
}

static void
finish(struct reach *reach, bool reached)
{
	clear(reach);
	reach->under_way = false;
	reach->done(reach->arg, reached ? NULL : fault_of(reach));
}

static void try_next(struct reach *reach);

static void
on_connected(void *arg, int error)
{
	struct reach *reach = arg;
	char text[CHANNEL_TEXT_SIZE];

	if (error == 0) {
		finish(reach, true);
		return;
	}
	/* Who is there is not whom is asked for: another address would hide that. */
	if (channel_fault(reach->channel) != NULL) {
		reach->ending = ending_of_error(error);
		add_fault(reach, "%s: %s", channel_peer(reach->channel, text),
		    channel_fault(reach->channel));
		finish(reach, false);
		return;
	}
	add_address(reach, error);
	try_next(reach);
}

/* `peer` NULL: the one that the channel had.  Returns false where that fails at once. */
static bool
try_address(struct reach *reach, const struct address *peer)
{
	const int error = channel_connect(reach->channel, peer, on_connected, reach);

	if (error != 0)
		add_address(reach, error);
	return error == 0;
}

static void
try_next(struct reach *reach)
{
	while (reach->next != NULL) {
		const struct addrinfo *each = reach->next;
		struct address peer;

		reach->next = each->ai_next;
		address_from_sockaddr(&peer, each->ai_addr, each->ai_addrlen);
		address_set_port(&peer, reach->wish->uri.port);
		if (try_address(reach, &peer))
			return;
	}
	finish(reach, false);
}

/* There is nothing to look up. */
static void
try_place(struct reach *reach)
{
	const struct address place = channel_place();

	if (!try_address(reach, &place))
		finish(reach, false);
}

static void
on_found(void *arg, struct addrinfo *found, const char *fault)
{
	struct reach *reach = arg;

	reach->lookup = NULL;
	reach->found = found;
	reach->next = found;
	if (found == NULL) {
		reach->ending = ENDING_UNRESOLVED;
		add_fault(reach, "cannot find %s: %s", reach->wish->uri.host, fault);
		if (channel_has_peer(reach->channel) && try_address(reach, NULL))
			return;
	}
	try_next(reach);
}

struct reach *
reach_new(struct event_base *base, struct channel *channel, const struct channel_wish *wish)
{
	struct reach *reach = calloc(1, sizeof(*reach));

	if (reach == NULL)
		return NULL;
	reach->base = base;
	reach->channel = channel;
	reach->wish = wish;
	return reach;
}

static void
leave(struct reach *reach)
{
	if (reach->under_way)
		channel_close(reach->channel);
	reach->under_way = false;
	clear(reach);
}

void
reach_free(struct reach *reach)
{
	if (reach == NULL)
		return;
	leave(reach);
	free(reach->fault);
	free(reach);
}

void
reach_begin(struct reach *reach, reach_done *done, void *arg)
{
	channel_close(reach->channel);
	clear(reach);
	free(reach->fault);
	reach->fault = NULL;
	reach->told_address = false;
	reach->ending = ENDING_REFUSED;
	reach->under_way = true;
	reach->done = done;
	reach->arg = arg;
	if (!protocol_has_ports(reach->wish->uri.protocol)) {
		try_place(reach);
		return;
	}
	reach->lookup = lookup_begin(reach->base, reach->wish, on_found, reach);
}

bool
reach_is_under_way(const struct reach *reach)
{
	return reach->under_way;
}

enum ending
reach_ending(const struct reach *reach)
{
	return reach->ending;
}

/* What it waits for, behind what is wrong so far. */
static void
tell_wait(struct reach *reach)
{
	if (reach->lookup != NULL)
		add_fault(reach, "cannot find %s: no answer yet", reach->wish->uri.host);
	else
		tell_address(reach, "no answer yet");
}

const char *
reach_break_off(struct reach *reach)
{
	tell_wait(reach);
	leave(reach);
	return fault_of(reach);
}

/* --- at once -------------------------------------------------------------------------- */

static void
on_over(void *arg, const char *fault)
{
	*(const char **)arg = fault;
}

static enum ending
run(struct reach *reach, const char **fault)
{
	*fault = NULL;
	reach_begin(reach, on_over, fault);
	while (reach->under_way) {
		if (event_base_loop(reach->base, EVLOOP_ONCE) == -1) {
			*fault = strerror(errno);
			return ENDING_ERROR;
		}
		if (reach->under_way && event_base_got_break(reach->base)) {
			*fault = reach_break_off(reach);
			return ENDING_INTERRUPTED;
		}
	}
	return *fault == NULL ? ENDING_DONE : reach->ending;
}

enum ending
reach_once(struct event_base *base, struct channel *channel, const struct channel_wish *wish,
    const char **fault)
{
	static char *kept;
	struct reach *reach = reach_new(base, channel, wish);
	enum ending ending = ENDING_ERROR;

	*fault = strerror(errno);
	if (reach != NULL)
		ending = run(reach, fault);
	if (ending != ENDING_DONE) {
		free(kept);
		kept = strdup(*fault);
		*fault = kept != NULL ? kept : strerror(errno);
	}
	reach_free(reach);
	return ending;
}

struct channel *
reach_first(struct event_base *base, const struct channel_wish *wish, enum ending *ending,
    const char **fault)
{
	struct channel *channel = channel_new(base, wish);

	*ending = ENDING_ERROR;
	*fault = strerror(errno);
	if (channel != NULL)
		*ending = reach_once(base, channel, wish, fault);
	if (*ending == ENDING_DONE)
		return channel;
	channel_free(channel);
	return NULL;
}
