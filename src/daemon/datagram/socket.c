/* The datagram echo: see socket.h. */
#include "daemon/datagram/socket.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "daemon/datagram/reflect.h"
#include "net/address.h"

/* What one socket may answer before the connections of its worker have their turn. */
#define TURN_DATAGRAMS BATCH_SIZE

/* How soon a socket that could not be watched or read is asked again: ms. */
#define RETRY 100

/*
 * What a socket that closes still answers: more than the largest buffer holds, and no
 * more, so that a flood cannot keep it open.
 */
#define LAST_DATAGRAMS 262144

/* Of a millisecond, in which clock_ms() counts. */
#define NANOSECONDS 1000000

/* Nothing comes from here: the port of discard (RFC 863), which answers nobody. */
#define DISCARD_PORT 9

struct datagram_socket {
	struct event readable;
	struct event again; /* pending while busy or in trouble: `readable` is not */
	struct event renewal; /* of `own` */
	struct letter letter, recall; /* the first carries it there and home */
	struct loop *loop;
	struct branch *branch;
	struct batch *batch; /* the worker's */
	struct guard *guard;
	struct drops drops;
	struct own_sources *own;        /* NULL: not a socket of IPv6 */
	bool settled;                   /* what own_sources_settle() said last */
	struct acl *acl;                /* held, or NULL */
	_Atomic(struct acl *) next_acl; /* the same, until a worker takes it over */
	int fd;
	bool is_bulk;   /* `readable` is: loop_prioritize() */
	bool is_asked;  /* turn by turn: `again` is bulk */
	bool has_owner; /* the socket is somebody else's: datagram_socket_leave_to_owner() */
	unsigned failures; /* receives in a row that failed, and not for want of datagrams */
};

static bool
is_ipv6(int fd)
{
	int domain;
	socklen_t length = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_INET6;
}

struct datagram_socket *
datagram_socket_new(int fd, struct branch *branch, struct batch *batch, struct guard *guard)
{
	struct datagram_socket *socket = calloc(1, sizeof(*socket));

	if (socket == NULL)
		return NULL;
	if (is_ipv6(fd)) {
		socket->own = own_sources_new(fd);
		if (socket->own == NULL) {
			free(socket);
			return NULL;
		}
	}
	socket->fd = fd;
	socket->branch = branch;
	socket->batch = batch;
	socket->guard = guard;
	socket->drops.ledger = branch->ledger;
	ledger_hold(branch->ledger);
	return socket;
}

void
datagram_socket_free(struct datagram_socket *socket)
{
	if (socket == NULL)
		return;
	acl_release(socket->acl);
	acl_release(atomic_load(&socket->next_acl));
	ledger_release(socket->branch->ledger);
	own_sources_free(socket->own);
	free(socket);
}

void
datagram_socket_set_acl(struct datagram_socket *socket, struct acl *acl)
{
	acl_release(atomic_exchange(&socket->next_acl, acl_hold(acl)));
}

/* The control thread only ever puts one there, and nobody else takes it. */
static void
take_acl(struct datagram_socket *socket)
{
	if (atomic_load_explicit(&socket->next_acl, memory_order_relaxed) == NULL)
		return;
	acl_release(socket->acl);
	socket->acl = atomic_exchange(&socket->next_acl, NULL);
}

static size_t
select_datagrams(struct datagram_socket *socket, struct batch_tally *tally)
{
	struct reflect_policy policy = {
		.guard = socket->guard,
		.own = socket->own,
		.now = clock_ms() * NANOSECONDS,
	};

	take_acl(socket);
	if (socket->acl != NULL && !acl_allows_all(socket->acl))
		policy.acl = socket->acl;
	return reflect_select(socket->batch, &policy, tally);
}

void
datagram_socket_leave_to_owner(struct datagram_socket *socket)
{
	socket->has_owner = true;
}

static struct datagram_socket *
from_letter(struct letter *letter)
{
	return (struct datagram_socket *)(void *)((char *)letter -
	    offsetof(struct datagram_socket, letter));
}

static void
log_datagram(const char *verb, const struct msghdr *header, size_t size, const char *way)
{
	char text[ADDRESS_TEXT_SIZE], payload[ESCAPE_TEXT_SIZE];
	struct address peer;

	address_from_sockaddr(&peer, header->msg_name, header->msg_namelen);
	log_debug("%s %s %s %s", verb, escape_payload(header->msg_iov->iov_base, size, payload), way,
	    address_format(&peer, text));
}

static void
log_datagrams(const struct batch *batch, size_t count, const char *verb, const char *way)
{
	const struct msghdr *header;
	size_t size;

	if (!log_wants(LOG_DEBUG))
		return;
	for (size_t i = 0; i < count; i++) {
		header = batch_get(batch, i, &size);
		log_datagram(verb, header, size, way);
	}
}

static void
count_batch(struct datagram_socket *socket, size_t received, const struct batch_tally *tally)
{
	struct branch *branch = socket->branch;

	counter_add(&branch->datagrams_received, received);
	counter_add(&branch->received_bytes, tally->received_bytes);
	counter_add(&branch->datagrams_sent, tally->sent);
	counter_add(&branch->sent_bytes, tally->sent_bytes);
	if (tally->sent == received)
		return;
	for (size_t i = 0; i < DROP_REASON_COUNT; i++)
		counter_add(&branch->datagrams_dropped[i], tally->dropped[i]);
	drops_report(&socket->drops);
}

/* A single error is one that was waiting at the socket (ip(7)), and gone when it was told. */
static bool
is_failing(const struct datagram_socket *socket)
{
	return socket->failures > 1;
}

static void
count_failure(struct datagram_socket *socket, int error)
{
	socket->failures++;
	counter_add(&socket->branch->datagrams_dropped[DROP_RECEIVE], 1);
	log_debug("datagram dropped: listener=%s reason=%s error=%s", socket->branch->ledger->name,
	    drop_reason_names[DROP_RECEIVE], strerror(error));
	drops_note(&socket->drops, DROP_RECEIVE, NULL, 0);
	drops_report(&socket->drops);
	if (is_failing(socket))
		log_error_limited("cannot receive at the socket of %s: %s; trying again",
		    socket->branch->ledger->name, strerror(error));
}

/* Answers one batch.  Returns how many it had, 0 when none was left; an error is one too. */
static int
answer_batch(struct datagram_socket *socket, int most)
{
	const int received = batch_receive(socket->batch, socket->fd, (size_t)most);
	struct batch_tally tally = { .drops = &socket->drops };
	size_t selected;

	if (received == -1 && errno == EINTR)
		return 1;
	if (received == -1 && errno != EAGAIN) {
		count_failure(socket, errno);
		return 1;
	}
	socket->failures = 0;
	if (received == -1)
		return 0;
	log_datagrams(socket->batch, (size_t)received, "received", "from");
	selected = select_datagrams(socket, &tally);
	log_datagrams(socket->batch, selected, "sending", "to");
	batch_reply(socket->batch, socket->fd, &tally);
	if (socket->own != NULL && (!socket->settled || tally.dropped[DROP_SOURCE_ADDRESS] > 0))
		socket->settled = own_sources_settle(socket->own);
	count_batch(socket, (size_t)received, &tally);
	return received;
}

/*
 * Answers at most `most` datagrams, none more where the socket is failing.  Returns false when
 * there was none left.
 */
static bool
answer(struct datagram_socket *socket, int most)
{
	int answered = 0, received = 1;

	for (; answered < most && received > 0 && !is_failing(socket); answered += received)
		received = answer_batch(socket, most - answered);
	return received > 0;
}

/* Where the kernel lacks memory to watch it, it is asked now and then until that succeeds. */
static void
watch(struct datagram_socket *socket)
{
	if (event_add(&socket->readable, NULL) == 0)
		return;
	log_error_limited("cannot watch the socket of %s: %s; trying again",
	    socket->branch->ledger->name, strerror(errno));
	loop_set_timer(&socket->again, RETRY);
}

/* While it is not, nobody has to leave it a turn. */
static void
set_asked(struct datagram_socket *socket, bool is_asked)
{
	if (socket->is_asked != is_asked)
		loop_set_bulk(socket->loop, &socket->again, is_asked);
	socket->is_asked = is_asked;
}

static void
stop_asking(struct datagram_socket *socket)
{
	set_asked(socket, false);
	watch(socket);
}

/*
 * A busy socket is asked turn by turn instead of being watched: who watches it is woken
 * by each datagram that comes, and by each answer that has left its send buffer.  One that
 * fails would wake at once, and so as often as it fails.
 */
static void
ask_again(struct datagram_socket *socket)
{
	/* Added again, an edge-triggered event tells what is there already. */
	event_del(&socket->readable);
	set_asked(socket, true);
	if (loop_set_timer(&socket->again, is_failing(socket) ? RETRY : 0) == -1)
		stop_asking(socket);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct datagram_socket *socket = arg;

	(void)fd;
	(void)what;
	loop_prioritize(socket->loop, &socket->again, true, true, clock_ms());
	if (answer_batch(socket, TURN_DATAGRAMS) > 0)
		ask_again(socket);
	else
		stop_asking(socket);
}

/* By level what is left is told again; by edge it is not. */
static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct datagram_socket *socket = arg;
	bool is_busy;

	(void)fd;
	(void)what;
	is_busy = socket->loop->edge_triggered ? answer(socket, TURN_DATAGRAMS)
	    : answer_batch(socket, TURN_DATAGRAMS) == TURN_DATAGRAMS;
	socket->is_bulk = loop_prioritize(socket->loop, &socket->readable, socket->is_bulk, is_busy,
	    clock_ms());
	if (is_busy || is_failing(socket))
		ask_again(socket);
}

static void
on_renewal(evutil_socket_t fd, short what, void *arg)
{
	struct datagram_socket *socket = arg;

	(void)fd;
	(void)what;
	socket->settled = own_sources_renew(socket->own);
	loop_set_timer(&socket->renewal, OWN_SOURCES_RENEWAL);
}

void
datagram_socket_open(struct datagram_socket *socket, struct loop *loop)
{
	socket->loop = loop;
	event_assign(&socket->readable, loop->base, socket->fd,
	    EV_READ | EV_PERSIST | (loop->edge_triggered ? EV_ET : 0), on_readable, socket);
	event_assign(&socket->again, loop->base, -1, 0, on_again, socket);
	event_assign(&socket->renewal, loop->base, -1, 0, on_renewal, socket);
	drops_open(&socket->drops, loop);
	if (socket->own != NULL)
		on_renewal(-1, 0, socket);
	watch(socket);
}

/*
 * A connected socket gets the datagrams of its peer alone (udp(7)): further ones go to
 * the socket that has taken this one's place, or are refused, instead of coming in
 * between the last answer and close(2), which would throw them away.
 */
static void
stop_arrivals(struct datagram_socket *socket)
{
	struct sockaddr_in6 name;
	socklen_t length = sizeof(name);
	struct address nobody;

	if (getsockname(socket->fd, (struct sockaddr *)&name, &length) == -1)
		return;
	address_from_sockaddr(&nobody, (struct sockaddr *)&name, length);
	address_set_port(&nobody, DISCARD_PORT);
	if (connect(socket->fd, &nobody.sa, address_length(&nobody)) == -1)
		log_debug("cannot stop arrivals at %s: %s", socket->branch->ledger->name,
		    strerror(errno));
}

static void
on_home(void *control, struct letter *letter)
{
	struct datagram_socket *socket = from_letter(letter);

	(void)control;
	drops_settle(&socket->drops);
	datagram_socket_free(socket);
}

void
datagram_socket_close(struct datagram_socket *socket)
{
	if (!socket->has_owner) {
		stop_arrivals(socket);
		answer(socket, LAST_DATAGRAMS);
	}
	event_del(&socket->readable);
	event_del(&socket->again);
	set_asked(socket, false);
	if (socket->is_bulk)
		loop_set_bulk(socket->loop, &socket->readable, false);
	event_del(&socket->renewal);
	drops_close(&socket->drops);
	close(socket->fd);
	inbox_post(socket->loop->home, &socket->letter, on_home);
}

/* --- as the control thread gives it and calls it back ------------------------------------- */

static void
on_posted(void *loop, struct letter *letter)
{
	datagram_socket_open(from_letter(letter), loop);
}

void
datagram_socket_post(struct datagram_socket *socket, struct worker *worker)
{
	worker_post(worker, &socket->letter, on_posted);
}

static void
on_recalled(void *loop, struct letter *letter)
{
	(void)loop;
	datagram_socket_close((struct datagram_socket *)(void *)((char *)letter -
	    offsetof(struct datagram_socket, recall)));
}

void
datagram_socket_recall(struct datagram_socket *socket, struct worker *worker)
{
	worker_post(worker, &socket->recall, on_recalled);
}
