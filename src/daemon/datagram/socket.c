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

#include "base/escape.h"
#include "base/log.h"
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

/* Of a millisecond, in which loop_now() counts. */
#define NANOSECONDS 1000000

/* Nothing comes from here: the port of discard (RFC 863), which answers nobody. */
#define DISCARD_PORT 9

struct udp {
	struct event readable;
	struct event again; /* pending while busy or in trouble: `readable` is not */
	struct message opening, closing;
	struct loop *loop;
	struct traffic *traffic;
	struct batch *batch; /* the worker's */
	struct udp_guard *guard;
	struct acl *acl;                /* held, or NULL */
	_Atomic(struct acl *) next_acl; /* the same, until a worker takes it over */
	int fd;
	bool has_owner; /* the socket is somebody else's: udp_leave_to_owner() */
	unsigned failures; /* receives in a row that failed, and not for want of datagrams */
};

struct udp *
udp_new(int fd, struct traffic *traffic, struct batch *batch, struct udp_guard *guard)
{
	struct udp *udp = calloc(1, sizeof(*udp));

	if (udp == NULL)
		return NULL;
	udp->fd = fd;
	udp->traffic = traffic;
	udp->batch = batch;
	udp->guard = guard;
	ledger_hold(traffic->ledger);
	return udp;
}

void
udp_free(struct udp *udp)
{
	if (udp == NULL)
		return;
	acl_release(udp->acl);
	acl_release(atomic_load(&udp->next_acl));
	ledger_release(udp->traffic->ledger);
	free(udp);
}

void
udp_set_acl(struct udp *udp, struct acl *acl)
{
	acl_release(atomic_exchange(&udp->next_acl, acl_hold(acl)));
}

/* The control thread only ever puts one there, and nobody else takes it. */
static void
take_acl(struct udp *udp)
{
	if (atomic_load_explicit(&udp->next_acl, memory_order_relaxed) == NULL)
		return;
	acl_release(udp->acl);
	udp->acl = atomic_exchange(&udp->next_acl, NULL);
}

static size_t
select_datagrams(struct udp *udp, struct batch_tally *tally)
{
	struct batch_policy policy = {
		.guard = udp->guard,
		.now = (uint64_t)loop_now() * NANOSECONDS,
	};

	take_acl(udp);
	policy.acl = udp->acl;
	return batch_select(udp->batch, &policy, tally);
}

void
udp_leave_to_owner(struct udp *udp)
{
	udp->has_owner = true;
}

struct message *
udp_opening(struct udp *udp)
{
	return &udp->opening;
}

struct message *
udp_closing(struct udp *udp)
{
	return &udp->closing;
}

struct udp *
udp_from_opening(struct message *message)
{
	return (struct udp *)((char *)message - offsetof(struct udp, opening));
}

struct udp *
udp_from_closing(struct message *message)
{
	return (struct udp *)((char *)message - offsetof(struct udp, closing));
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
count_batch(struct udp *udp, size_t received, const struct batch_tally *tally)
{
	struct datagram_counters *counters = &udp->loop->datagrams;

	counter_add(&counters->received, received);
	counter_add(&udp->traffic->received_bytes, tally->received_bytes);
	counter_add(&counters->sent, tally->sent);
	counter_add(&udp->traffic->sent_bytes, tally->sent_bytes);
	for (size_t i = 0; i < DROP_REASON_COUNT; i++)
		counter_add(&counters->dropped[i], tally->dropped[i]);
}

/* A single error is one that was waiting at the socket (ip(7)), and gone when it was told. */
static bool
is_failing(const struct udp *udp)
{
	return udp->failures > 1;
}

static void
count_failure(struct udp *udp, int error)
{
	udp->failures++;
	counter_add(&udp->loop->datagrams.dropped[DROP_RECEIVE], 1);
	if (is_failing(udp))
		log_error_limited("cannot receive at the socket of %s: %s; trying again",
		    udp->traffic->ledger->name, strerror(error));
}

/* Answers one batch.  Returns how many it had, 0 when none was left; an error is one too. */
static int
answer_batch(struct udp *udp, int most)
{
	const int received = batch_receive(udp->batch, udp->fd, (size_t)most);
	struct batch_tally tally = { 0 };
	size_t selected;

	if (received == -1 && errno == EINTR)
		return 1;
	if (received == -1 && errno != EAGAIN) {
		count_failure(udp, errno);
		return 1;
	}
	udp->failures = 0;
	if (received == -1)
		return 0;
	log_datagrams(udp->batch, (size_t)received, "received", "from");
	selected = select_datagrams(udp, &tally);
	log_datagrams(udp->batch, selected, "sending", "to");
	batch_reply(udp->batch, udp->fd, &tally);
	count_batch(udp, (size_t)received, &tally);
	return received;
}

/*
 * Answers at most `most` datagrams, none more where the socket is failing.  Returns false when
 * there was none left.
 */
static bool
answer(struct udp *udp, int most)
{
	int answered = 0, received = 1;

	for (; answered < most && received > 0 && !is_failing(udp); answered += received)
		received = answer_batch(udp, most - answered);
	return received > 0;
}

/* Where the kernel lacks memory to watch it, it is asked now and then until that succeeds. */
static void
watch(struct udp *udp)
{
	if (event_add(&udp->readable, NULL) == 0)
		return;
	log_error_limited("cannot watch the socket of %s: %s; trying again",
	    udp->traffic->ledger->name, strerror(errno));
	loop_set_timer(&udp->again, RETRY);
}

/*
 * A busy socket is asked turn by turn instead of being watched: who watches it is woken
 * by each datagram that comes, and by each answer that has left its send buffer.  One that
 * fails would wake at once, and so as often as it fails.
 */
static void
ask_again(struct udp *udp)
{
	/* Added again, an edge-triggered event tells what is there already. */
	event_del(&udp->readable);
	if (loop_set_timer(&udp->again, is_failing(udp) ? RETRY : 0) == -1)
		watch(udp);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct udp *udp = arg;

	(void)fd;
	(void)what;
	loop_prioritize(udp->loop, &udp->again, true);
	if (answer_batch(udp, TURN_DATAGRAMS) > 0)
		ask_again(udp);
	else
		watch(udp);
}

/* By level what is left is told again; by edge it is not. */
static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct udp *udp = arg;
	bool is_busy;

	(void)fd;
	(void)what;
	is_busy = udp->loop->edge_triggered ? answer(udp, TURN_DATAGRAMS)
	    : answer_batch(udp, TURN_DATAGRAMS) == TURN_DATAGRAMS;
	loop_prioritize(udp->loop, &udp->readable, is_busy);
	if (is_busy || is_failing(udp))
		ask_again(udp);
}

void
udp_open(struct udp *udp, struct loop *loop)
{
	udp->loop = loop;
	event_assign(&udp->readable, loop->base, udp->fd,
	    EV_READ | EV_PERSIST | (loop->edge_triggered ? EV_ET : 0), on_readable, udp);
	event_assign(&udp->again, loop->base, -1, 0, on_again, udp);
	event_priority_set(&udp->again, LOOP_PRIORITY_BULK);
	watch(udp);
}

/*
 * A connected socket gets the datagrams of its peer alone (udp(7)): further ones go to
 * the socket that has taken this one's place, or are refused, instead of coming in
 * between the last answer and close(2), which would throw them away.
 */
static void
stop_arrivals(struct udp *udp)
{
	struct sockaddr_in6 name;
	socklen_t length = sizeof(name);
	struct address nobody;

	if (getsockname(udp->fd, (struct sockaddr *)&name, &length) == -1)
		return;
	address_from_sockaddr(&nobody, (struct sockaddr *)&name, length);
	address_set_port(&nobody, DISCARD_PORT);
	if (connect(udp->fd, &nobody.sa, address_length(&nobody)) == -1)
		log_debug("cannot stop arrivals at %s: %s", udp->traffic->ledger->name,
		    strerror(errno));
}

void
udp_close(struct udp *udp)
{
	if (!udp->has_owner) {
		stop_arrivals(udp);
		answer(udp, LAST_DATAGRAMS);
	}
	event_del(&udp->readable);
	event_del(&udp->again);
	close(udp->fd);
	inbox_post(udp->loop->reports.inbox, &udp->closing, udp->loop->reports.udp_closed);
}
