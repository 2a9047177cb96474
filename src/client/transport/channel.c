/* The way to the far end: see channel.h. */
#include "client/transport/channel.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/report.h"
#include "client/timing.h"
#include "client/transport/channel_internal.h"
#include "client/transport/opening.h"
#include "client/transport/strangers.h"

bool
channel_is_stream(const struct channel_wish *wish)
{
	return protocol_is_stream(wish->uri.protocol);
}

static const struct channel_kind *
kind_of(const struct channel_wish *wish)
{
	if (protocol_is_secure(wish->uri.protocol))
		return &channel_secure;
	if (channel_is_stream(wish))
		return &channel_stream;
	return wish->probing ? &channel_probe : &channel_datagram;
}

struct channel *
channel_new(struct event_base *base, const struct channel_wish *wish)
{
	struct channel *channel = calloc(1, sizeof(*channel));

	if (channel == NULL)
		return NULL;
	channel->kind = kind_of(wish);
	channel->wish = wish;
	channel->base = base;
	channel->fd = channel->strangers_fd = -1;
	return channel;
}

void
channel_free(struct channel *channel)
{
	if (channel == NULL)
		return;
	channel_close(channel);
	opening_clear(channel);
	channel_blame(channel, NULL);
	if (channel->kind->dispose != NULL)
		channel->kind->dispose(channel);
	free(channel);
}

void
channel_serve(struct channel *channel, const struct channel_user *user, void *arg)
{
	channel->user = user;
	channel->arg = arg;
}

void
channel_close(struct channel *channel)
{
	if (channel->fd == -1)
		return;
	if (channel->kind->close != NULL)
		channel->kind->close(channel);
	strangers_close(channel);
	event_del(&channel->readable);
	event_del(&channel->writable);
	channel->wants_read = channel->wants_write = channel->awaits_room = false;
	channel->has_unsent = channel->has_more = channel->is_opening = false;
	close(channel->fd);
	channel->fd = -1;
	channel->state = CHANNEL_CLOSED;
}

enum channel_state
channel_state(const struct channel *channel)
{
	return channel->state;
}

bool
channel_has_no_way(int error)
{
	return error == EINVAL || error == EADDRNOTAVAIL || error == ENETUNREACH ||
	    error == ENETDOWN || error == ENODEV;
}

bool
channel_has_peer(const struct channel *channel)
{
	return channel->peer.sa.sa_family != AF_UNSPEC;
}

uint64_t
channel_strangers(const struct channel *channel, char text[CHANNEL_TEXT_SIZE])
{
	address_format(&channel->stranger, text);
	return channel->stranger_count;
}

uint32_t
channel_dropped(const struct channel *channel)
{
	uint32_t values[SK_MEMINFO_VARS] = { 0 };
	socklen_t size = sizeof(values);

	if (channel->fd != -1)
		getsockopt(channel->fd, SOL_SOCKET, SO_MEMINFO, values, &size);
	return values[SK_MEMINFO_DROPS];
}

double
channel_connect_seconds(const struct channel *channel)
{
	return channel->connect_seconds;
}

const char *
channel_peer(const struct channel *channel, char text[CHANNEL_TEXT_SIZE])
{
	const struct endpoint *uri = &channel->wish->uri;

	if (channel->peer.sa.sa_family == AF_UNIX)
		return endpoint_format(uri->protocol, uri->host, 0, text, CHANNEL_TEXT_SIZE);
	return address_format(&channel->peer, text);
}

const char *
channel_local(const struct channel *channel, char text[CHANNEL_TEXT_SIZE])
{
	return address_format(&channel->local, text);
}

uint16_t
channel_source_port(const struct channel *channel)
{
	return address_port(&channel->local);
}

struct marks
channel_marks(const struct channel *channel)
{
	return channel->clock.marks;
}

int
channel_path_mtu(const struct channel *channel)
{
	return marks_path_mtu(channel->fd, channel->peer.sa.sa_family);
}

void
channel_set_source(struct channel *channel, const struct address *source)
{
	channel->source = source != NULL ? *source : (struct address){ .sa.sa_family = AF_UNSPEC };
}

struct address
channel_address(const struct channel *channel)
{
	return channel->peer;
}

struct address
channel_place(void)
{
	return address_of_unix_peer((uid_t)-1, 0);
}

/* --- what is wrong ------------------------------------------------------------------ */

void
channel_blame(struct channel *channel, const char *format, ...)
{
	va_list args;

	free(channel->fault);
	channel->fault = NULL;
	if (format == NULL)
		return;
	va_start(args, format);
	if (vasprintf(&channel->fault, format, args) == -1)
		channel->fault = NULL;
	va_end(args);
}

const char *
channel_fault(const struct channel *channel)
{
	return channel->fault;
}

const char *
channel_error_text(const struct channel *channel, int error)
{
	switch (error) {
	case 0:
		return "it closes the connection";
	case ERROR_CUT:
		return "it cuts the connection, without close_notify";
	case ERROR_UNSECURED:
		return channel->fault != NULL ? channel->fault : strerror(ENOMEM);
	default:
		return strerror(error);
	}
}

/* --- what is waited for --------------------------------------------------------------- */

static void
want(struct event *event, bool *pending, bool wanted)
{
	if (wanted && !*pending && event_add(event, NULL) == -1)
		report_unusable("out of memory");
	if (!wanted && *pending)
		event_del(event);
	*pending = wanted;
}

static void
await_room(struct channel *channel)
{
	want(&channel->writable, &channel->awaits_room,
	    channel->wants_write || channel->has_unsent);
}

void
channel_want_write(struct channel *channel, bool wanted)
{
	channel->wants_write = wanted && channel_can_send(channel);
	await_room(channel);
}

void
channel_keep_unsent(struct channel *channel, bool unsent)
{
	channel->has_unsent = unsent;
	await_room(channel);
}

void
channel_keep_more(struct channel *channel, bool more)
{
	channel->has_more = more;
	if (more && channel->wants_read)
		event_active(&channel->readable, EV_READ, 0);
}

void
channel_want_read(struct channel *channel, bool wanted)
{
	want(&channel->readable, &channel->wants_read, wanted);
	channel_keep_more(channel, channel->has_more);
}

/* --- connecting -------------------------------------------------------------------- */

/* Returns 0 where the connection is there, else its errno. */
static int
complete(struct channel *channel)
{
	struct sockaddr_in6 name;
	socklen_t length = sizeof(name), error_length;
	int error = 0;

	error_length = sizeof(error);
	if (getsockopt(channel->fd, SOL_SOCKET, SO_ERROR, &error, &error_length) == -1)
		error = errno;
	if (error == 0 && getsockname(channel->fd, (struct sockaddr *)&name, &length) == -1)
		error = errno;
	if (error != 0)
		return error;
	channel->connect_seconds = timing_seconds(timing_now() - channel->begun);
	if (channel->peer.sa.sa_family == AF_UNIX)
		channel->local = address_of_unix_peer(geteuid(), getpid()); /* as it is seen */
	else
		address_from_sockaddr(&channel->local, (struct sockaddr *)&name, length);
	/* On one host the kernel may give us the very port that we ask for: we would echo. */
	if (address_equal(&channel->local, &channel->peer))
		return ECONNREFUSED;
	if (channel->wish->strangers && !channel_is_stream(channel->wish))
		strangers_open(channel);
	return 0;
}

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);

static void
assign_events(struct channel *channel)
{
	event_assign(&channel->readable, channel->base, channel->fd, EV_READ | EV_PERSIST,
	    on_readable, channel);
	event_assign(&channel->writable, channel->base, channel->fd, EV_WRITE | EV_PERSIST,
	    on_writable, channel);
}

static void
end_connecting(struct channel *channel, int error)
{
	event_del(&channel->readable);
	if (error == 0) {
		/* A persistent event keeps the timeout that it once had. */
		event_assign(&channel->readable, channel->base, channel->fd, EV_READ | EV_PERSIST,
		    on_readable, channel);
		channel->is_opening = false;
		channel->state = CHANNEL_OPEN;
	} else {
		channel_close(channel);
	}
	channel->connected(channel->connected_arg, error);
}

/* The next of it is waited for, for what is left of the time. */
static void
await_opening(struct channel *channel)
{
	const double left = channel->wish->timeout -
	    timing_seconds(timing_now() - channel->begun);
	const struct timeval timeout = timing_timeval(left > 0 ? left : 0);

	if (event_add(&channel->readable, &timeout) == -1)
		end_connecting(channel, ENOMEM);
}

static void
go_on_connecting(struct channel *channel, int error)
{
	if (error == EAGAIN)
		await_opening(channel);
	else
		end_connecting(channel, error);
}

/* Where the process was stopped, the timer alone may tell, and the connection counts. */
static void
on_connected(struct channel *channel, short what)
{
	struct pollfd writable = { .fd = channel->fd, .events = POLLOUT };
	const bool over = what & EV_WRITE || poll(&writable, 1, 0) == 1;
	int error = over ? complete(channel) : ETIMEDOUT;

	/* As that of on_readable() in end_connecting(). */
	event_del(&channel->writable);
	event_assign(&channel->writable, channel->base, channel->fd, EV_WRITE | EV_PERSIST,
	    on_writable, channel);
	channel->is_opening = true;
	if (error == 0 && channel_is_stream(channel->wish))
		error = opening_begin(channel);
	go_on_connecting(channel, error);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct channel *channel = arg;

	(void)fd;
	if (channel->state == CHANNEL_CONNECTING)
		go_on_connecting(channel,
		    what & EV_READ ? opening_go_on(channel) : opening_end(channel));
	else
		channel->user->readable(channel->arg);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct channel *channel = arg;

	(void)fd;
	if (channel->state == CHANNEL_CONNECTING && !channel->is_opening) {
		on_connected(channel, what);
		return;
	}
	if (channel->has_unsent)
		channel->kind->flush(channel);
	if (channel->wants_write && !channel->has_unsent)
		channel->user->writable(channel->arg);
}

/* As bind(2).  Where no port is asked for connect(2) says which: free for this peer is enough. */
static int
bind_source(const struct channel *channel)
{
	const int family = channel->peer.sa.sa_family, on = 1;
	const uint16_t port = channel->wish->source_port;
	struct address source = channel->source;

	if (family == AF_UNIX || (source.sa.sa_family == AF_UNSPEC && port == 0))
		return 0;
	if (source.sa.sa_family == AF_UNSPEC)
		address_parse(&source, family == AF_INET ? "0.0.0.0" : "::", port);
	if (port == 0)
		setsockopt(channel->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	else if (channel_is_stream(channel->wish))
		setsockopt(channel->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(channel->fd, &source.sa, address_length(&source));
}

/* As connect(2). */
static int
connect_to_peer(const struct channel *channel)
{
	struct sockaddr_un place;
	socklen_t length;

	if (channel->peer.sa.sa_family != AF_UNIX)
		return connect(channel->fd, &channel->peer.sa, address_length(&channel->peer));
	length = unix_name_to_sockaddr(channel->wish->uri.host, &place);
	return connect(channel->fd, (const struct sockaddr *)&place, length);
}

/* Begins to connect, with a socket of the channel's.  Returns 0 or an errno. */
static int
begin(struct channel *channel)
{
	const struct timeval timeout = timing_timeval(channel->wish->timeout);
	const int fd = channel->fd, on = 1;
	int error;

	assign_events(channel);
	if (channel->kind->prepare != NULL)
		channel->kind->prepare(channel);
	if (channel->wish->kernel_time)
		setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	error = marking_set(&channel->wish->marking, fd, channel->peer.sa.sa_family);
	if (error != 0)
		return error;
	if (channel->wish->marks && !channel_is_stream(channel->wish))
		marks_ask(fd, channel->peer.sa.sa_family);
	if (bind_source(channel) == -1)
		return errno;
	if (connect_to_peer(channel) == -1 && errno != EINPROGRESS)
		return errno;
	return event_add(&channel->writable, &timeout) == -1 ? ENOMEM : 0;
}

int
channel_connect(struct channel *channel, const struct address *peer,
    channel_connected *connected, void *arg)
{
	int error;

	channel_close(channel);
	if (peer != NULL)
		channel->peer = *peer;
	channel->connected = connected;
	channel->connected_arg = arg;
	channel->send_error = 0;
	opening_clear(channel);
	channel_blame(channel, NULL);
	channel->begun = timing_now();
	arrival_begin(&channel->clock);
	channel->fd = socket(channel->peer.sa.sa_family,
	    channel->kind->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (channel->fd == -1)
		return errno;
	error = begin(channel);
	if (error == 0)
		channel->state = CHANNEL_CONNECTING;
	else
		channel_close(channel);
	return error;
}

/* --- sending and receiving ------------------------------------------------------------ */

bool
channel_can_send(const struct channel *channel)
{
	return channel->send_error == 0;
}

static ssize_t
not_interrupted(ssize_t n)
{
	if (n == -1 && errno == EINTR)
		errno = EAGAIN;
	return n;
}

ssize_t
channel_send(struct channel *channel, const void *data, size_t size)
{
	return not_interrupted(channel->kind->send(channel, data, size));
}

bool
channel_takes_pieces(const struct channel *channel)
{
	return channel->kind->send_pieces != NULL;
}

ssize_t
channel_send_pieces(struct channel *channel, struct iovec *pieces, size_t count)
{
	return not_interrupted(channel->kind->send_pieces(channel, pieces, count));
}

ssize_t
channel_receive(struct channel *channel, void *data, size_t size, int64_t *when)
{
	return not_interrupted(channel->kind->receive(channel, data, size, when));
}

void
channel_shut_down(struct channel *channel)
{
	if (channel->kind->shut_down != NULL)
		channel->kind->shut_down(channel);
}
