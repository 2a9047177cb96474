/*
 * Messages over datagrams, each of which says which one it is: so those that are missing, late,
 * once more there, out of order or not ours are told apart.
 */
#include <errno.h>
#include <string.h>

#include "client/bench/load/load_internal.h"
#include "client/timing.h"

/* What is received before timers have their turn. */
#define TURN_RECEIVES 64

/* How many bytes of a head may be wrong for it to be that of a message of ours. */
#define HEAD_WRONG_MOST 4

/* How many bytes behind a head are no chance, and how many tell whose it is, however it is. */
#define LEAST 6
#define ENOUGH 32

/* --- errors of the socket ---------------------------------------------------------------- */

static void
tell(struct link *link, int error)
{
	const enum bench_error kind = error == ECONNREFUSED ? BENCH_ERROR_REFUSED : BENCH_ERROR_BROKEN;

	if (!link->told_error)
		account_link_error(link, kind, link->begun, error);
	link->told_error = true;
}

/* --- sending ----------------------------------------------------------------------------- */

/* Returns 0, EAGAIN, or what is wrong.  An error of an earlier one is told in its place, once. */
static int
send_one(struct link *link, const struct message *message)
{
	struct worker *worker = link->worker;
	int error = 0;

	payload_write(worker->payload, message, 0, worker->out, message->size);
	for (int i = 0; i < 2; i++) {
		if (channel_send(link->channel, worker->out, message->size) != -1)
			return 0;
		error = errno;
		if (error == EAGAIN || error == ENOBUFS)
			return EAGAIN;
		tell(link, error);
	}
	return error;
}

/* One that cannot be sent is, as far as its place goes, sent and gone. */
static void
drop(struct link *link, int64_t now)
{
	struct flight *flight = link_flight(link, link->begun - 1);

	account_cut_short(link->worker, flight, link->out_size);
	flight->state = FLIGHT_MISSING;
	link_land(link, now);
}

/* True where the place of the next one is still taken by an old one. */
static bool
is_full(const struct link *link)
{
	const struct flight *flight = link_flight(link, link->begun);

	return link->begun >= link->worker->flights && flight->state == FLIGHT_FLYING;
}

void
datagram_push(struct link *link)
{
	uint64_t most = link_allowance(link);

	for (; most > 0 && !is_full(link); most--) {
		const struct message message = link_message(link, link->begun);
		const int64_t now = timing_now();
		const int error = send_one(link, &message);

		if (error == EAGAIN)
			break;
		link_begin(link, now);
		link->out = link->out_size;
		if (error != 0) {
			drop(link, now);
			break;
		}
	}
	link_set_blocked(link, most > 0 && !is_full(link) && !link->told_error);
}

/* The oldest one that flies; else the next one. */
static uint64_t
oldest(struct link *link)
{
	link->settled = link_oldest(link);
	while (link->settled < link->begun &&
	    link_flight(link, link->settled)->state != FLIGHT_FLYING)
		link->settled++;
	return link->settled;
}

/* --- receiving --------------------------------------------------------------------------- */

/* Which message came: or none of ours. */
struct arrival {
	const unsigned char *data;
	size_t size;
	int64_t now;
};

static void
tell_arrival(struct link *link, enum bench_error kind, uint64_t number, size_t at,
    const struct arrival *arrival)
{
	struct bench_fault fault = { .connection = link->index, .message = number, .offset = at };
	const struct message message = link_message(link, number);

	fault.has_offset = kind == BENCH_ERROR_WRONG || kind == BENCH_ERROR_MOVED ||
	    kind == BENCH_ERROR_TRUNCATED;
	fault.has_bytes = fault.has_offset && at < arrival->size && at < message.size;
	if (fault.has_bytes) {
		fault.got = arrival->data[at];
		payload_write(link->worker->payload, &message, at, &fault.expected, 1);
	}
	account_error(link->worker, kind, fault);
}

/* A message came back, but not as it was sent. */
static void
spoil(struct link *link, enum bench_error kind, uint64_t number, size_t at,
    const struct arrival *arrival)
{
	struct flight *flight = link_flight(link, number);

	tell_arrival(link, kind, number, at, arrival);
	if (flight->number != number || flight->state != FLIGHT_FLYING)
		return;
	flight->state = FLIGHT_SPOILT;
	link_land(link, arrival->now);
}

static void
complete(struct link *link, struct flight *flight, const struct arrival *arrival)
{
	if (flight->number + 1 < link->highest)
		tell_arrival(link, BENCH_ERROR_REORDERED, flight->number, 0, arrival);
	else
		link->highest = flight->number + 1;
	account_echoed(link->worker, flight, arrival->now, arrival->size);
	flight->state = FLIGHT_ECHOED;
	link_land(link, arrival->now);
}

/* Only of what counts has it been told that it was missing. */
static void
take_late(struct link *link, uint64_t number, const struct arrival *arrival)
{
	if (number >= link->uncounted)
		tell_arrival(link, BENCH_ERROR_LATE, number, 0, arrival);
}

/* It is message `number`, byte for byte. */
static void
take_right(struct link *link, uint64_t number, const struct arrival *arrival)
{
	struct flight *flight = link_flight(link, number);

	if (flight->number != number || flight->state == FLIGHT_MISSING)
		take_late(link, number, arrival);
	else if (flight->state == FLIGHT_FLYING)
		complete(link, flight, arrival);
	else
		tell_arrival(link, BENCH_ERROR_DUPLICATE, number, 0, arrival);
}

/* Bytes of it stand elsewhere in it. */
static bool
is_moved(const struct link *link, const struct message *message, size_t at,
    const struct arrival *arrival)
{
	const size_t left = arrival->size - at, part = left < 8 ? left : 8;

	return at >= PAYLOAD_HEAD && part >= LEAST && payload_find(link->worker->payload, message,
	    arrival->data + at, part) < message->size;
}

static bool
is_right(const struct link *link, uint64_t number, const struct arrival *arrival)
{
	const struct message message = link_message(link, number);

	return arrival->size == message.size && payload_compare(link->worker->payload, &message, 0,
	    arrival->data, message.size) == message.size;
}

/* It says that it is message `number`, and is not as that was sent. */
static void
take_wrong(struct link *link, uint64_t number, const struct arrival *arrival)
{
	const struct message message = link_message(link, number);
	const size_t most = arrival->size < message.size ? arrival->size : message.size;
	const size_t same = payload_compare(link->worker->payload, &message, 0, arrival->data, most);

	if (same == most && arrival->size < message.size)
		spoil(link, BENCH_ERROR_TRUNCATED, number, same, arrival);
	else if (is_moved(link, &message, same, arrival))
		spoil(link, BENCH_ERROR_MOVED, number, same, arrival);
	else
		spoil(link, BENCH_ERROR_WRONG, number, same, arrival);
}

/* --- what does not say whose it is --------------------------------------------------------- */

/* How a message that flies may have become what came; BENCH_ERRORS: it cannot have. */
static enum bench_error
compare(const struct link *link, const struct message *message, const struct arrival *arrival)
{
	const struct payload *payload = link->worker->payload;
	unsigned char head[PAYLOAD_HEAD];
	size_t wrong = 0;

	if (arrival->size < message->size)
		return arrival->size > 0 && payload_compare(payload, message, 0, arrival->data,
		    arrival->size) < arrival->size ? BENCH_ERRORS : BENCH_ERROR_TRUNCATED;
	if (arrival->size > message->size || !message_has_head(message))
		return BENCH_ERRORS;
	payload_write(payload, message, 0, head, PAYLOAD_HEAD);
	for (size_t i = 0; i < PAYLOAD_HEAD; i++)
		wrong += head[i] != arrival->data[i];
	return (wrong <= HEAD_WRONG_MOST || message->size >= PAYLOAD_HEAD + ENOUGH) &&
	    payload_compare(payload, message, PAYLOAD_HEAD, arrival->data + PAYLOAD_HEAD,
	    message->size - PAYLOAD_HEAD) == message->size - PAYLOAD_HEAD ? BENCH_ERROR_WRONG
	    : BENCH_ERRORS;
}

/* Messages without a head are known by their bytes, if anything: the oldest one first. */
static bool
take_unsaid(struct link *link, const struct arrival *arrival)
{
	for (uint64_t number = oldest(link); number < link->begun; number++) {
		const struct message message = link_message(link, number);
		enum bench_error kind;

		if (link_flight(link, number)->state != FLIGHT_FLYING)
			continue;
		if (is_right(link, number, arrival)) {
			take_right(link, number, arrival);
			return true;
		}
		kind = compare(link, &message, arrival);
		if (kind != BENCH_ERRORS) {
			spoil(link, kind, number, payload_compare(link->worker->payload, &message, 0,
			    arrival->data, arrival->size), arrival);
			return true;
		}
	}
	return false;
}

/* `connection` and `number` are what it says. */
static void
take_stranger(struct link *link, uint64_t connection, uint64_t number,
    const struct arrival *arrival)
{
	const struct worker *worker = link->worker;
	const size_t body = arrival->size < PAYLOAD_HEAD ? 0 : arrival->size - PAYLOAD_HEAD;
	enum bench_error kind = BENCH_ERROR_FOREIGN;

	if (connection < worker->plan->connections)
		kind = BENCH_ERROR_SWAPPED;
	else if (body >= LEAST && payload_knows(worker->payload, arrival->data + PAYLOAD_HEAD,
	    body < ENOUGH ? body : ENOUGH))
		kind = BENCH_ERROR_OTHER_RUN;
	if (kind == BENCH_ERROR_FOREIGN || (kind == BENCH_ERROR_OTHER_RUN && number > link->begun))
		number = link->begun;
	tell_arrival(link, kind, number, 0, arrival);
}

static void
take(struct link *link, const struct arrival *arrival)
{
	uint64_t connection = UINT64_MAX, number = 0;
	bool is_own, is_swapped;

	if (arrival->size >= PAYLOAD_HEAD)
		payload_read_head(link->worker->payload, arrival->data, &connection, &number);
	is_own = connection == link->index && number < link->begun;
	is_swapped = connection != link->index && connection < link->worker->plan->connections;
	if (is_own && is_right(link, number, arrival))
		take_right(link, number, arrival);
	else if (!is_swapped && take_unsaid(link, arrival))
		return;
	else if (is_own)
		take_wrong(link, number, arrival);
	else
		take_stranger(link, connection, number, arrival);
}

void
datagram_receive(struct link *link)
{
	struct worker *worker = link->worker;
	const bool stamped = worker->plan->wish->kernel_time;

	for (int i = 0; i < TURN_RECEIVES; i++) {
		struct arrival arrival = { .data = worker->in };
		const ssize_t n = channel_receive(link->channel, worker->in, LOAD_BUFFER,
		    stamped ? &arrival.now : NULL);

		if (n == -1 && errno == EAGAIN)
			break;
		if (n == -1) {
			tell(link, errno);
			continue;
		}
		if (!stamped)
			arrival.now = timing_now();
		arrival.size = (size_t)n;
		take(link, &arrival);
	}
	link_push(link);
}

/* --- what does not come ------------------------------------------------------------------ */

void
datagram_look(struct link *link, int64_t now)
{
	const int64_t before = now - timing_nanoseconds(link->worker->plan->wait);

	for (uint64_t number = oldest(link); number < link->begun; number++) {
		struct flight *flight = link_flight(link, number);

		if (flight->sent > before)
			break;
		if (flight->state != FLIGHT_FLYING)
			continue;
		account_missing(link, flight, 0);
		flight->state = FLIGHT_MISSING;
		link_land(link, now);
	}
	link_push(link);
}
