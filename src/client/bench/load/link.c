/* What all links have in common: the messages that may begin, and those that fly. */
#include "client/bench/load/load_internal.h"
#include "client/timing.h"

static bool
is_open_loop(const struct link *link)
{
	return link->worker->plan->rate > 0;
}

/* --- what may begin ---------------------------------------------------------------------- */

uint64_t
link_allowance(const struct link *link)
{
	const struct worker *worker = link->worker;
	const uint64_t planned = link->begun - link->unplanned;
	uint64_t most, room;

	if (link->is_to_probe)
		return 1;
	if (worker->stage < WORKER_RUNNING || link->flying >= worker->plan->in_flight ||
	    link->suspicion != NULL)
		return 0;
	room = worker->plan->in_flight - link->flying;
	if (is_open_loop(link))
		most = link->due - planned;
	else
		most = worker->stage == WORKER_RUNNING ? worker->left : 0;
	return most < room ? most : room;
}

void
link_plan(struct link *link)
{
	struct worker *worker = link->worker;

	if (link->state == LINK_CLOSED && !worker->plan->churn) {
		account_not_sent(worker, schedule_due(&worker->schedule, link->index, link->due));
		return;
	}
	link->due++;
	worker->awaited++;
	link_push(link);
}

/* When a place in flight became free for the message that begins. */
static int64_t
freed(const struct link *link)
{
	const int64_t *ring = link->freed;

	return later(ring[link->begun % link->worker->plan->in_flight], link->room);
}

/* In a closed loop a message is due as soon as there is room for it. */
static int64_t
planned_for(const struct link *link)
{
	if (link->is_to_probe)
		return UNPLANNED;
	if (is_open_loop(link))
		return schedule_due(&link->worker->schedule, link->index,
		    link->begun - link->unplanned);
	return freed(link);
}

void
link_begin(struct link *link, int64_t now)
{
	struct worker *worker = link->worker;
	struct flight *flight = link_flight(link, link->begun);

	*flight = (struct flight){ link->begun, planned_for(link), now, FLIGHT_FLYING };
	link->out = 0;
	link->out_size = link_message(link, link->begun).size;
	account_sent(worker, flight, freed(link), link->out_size);
	link->is_to_probe = false;
	if (flight->planned < worker->times.from)
		link->uncounted = link->begun + 1;
	if (flight->planned == UNPLANNED)
		link->unplanned++;
	if (flight->planned == UNPLANNED || !is_open_loop(link))
		worker->awaited++;
	if (!is_open_loop(link) && worker->left != UINT64_MAX &&
	    flight->planned >= worker->times.from && --worker->left == 0)
		load_worker_unawait(worker, 0);
	link->begun++;
	link->flying++;
}

void
link_land(struct link *link, int64_t now)
{
	struct worker *worker = link->worker;

	link->freed[(link->begun - link->flying) % worker->plan->in_flight] = now;
	link->flying--;
	load_worker_unawait(worker, 1);
}

void
link_set_blocked(struct link *link, bool blocked)
{
	if (link->is_blocked != blocked)
		channel_want_write(link->channel, blocked);
	link->is_blocked = blocked;
}

/* --- what will not come back ------------------------------------------------------------- */

static void
clear(struct link *link)
{
	const int64_t now = timing_now();

	while (link->flying > 0)
		link_land(link, now);
	link->settled = link->begun;
	link->in = link->out = link->out_size = 0;
	link->is_to_probe = false;
	link->in_size = link_message(link, link->settled).size;
}

uint64_t
link_oldest(const struct link *link)
{
	const uint64_t kept = link->worker->flights;
	const uint64_t first = link->begun > kept ? link->begun - kept : 0;

	return first > link->settled ? first : link->settled;
}

/* True for the last message, where its beginning alone was sent. */
static bool
is_cut_short(const struct link *link, uint64_t number)
{
	return number + 1 == link->begun && link->out < link->out_size;
}

static void
lose_message(struct link *link, uint64_t number, int error)
{
	const struct flight *flight = link_flight(link, number);

	if (flight->number != number || flight->state != FLIGHT_FLYING)
		return;
	if (is_cut_short(link, number))
		account_cut_short(link->worker, flight, link->out_size);
	else
		account_missing(link, flight, error);
}

void
link_abandon(struct link *link, int error)
{
	for (uint64_t number = link_oldest(link); number < link->begun; number++)
		lose_message(link, number, error);
	clear(link);
	if (!link->worker->plan->churn)
		link_cancel(link);
}

void
link_cancel(struct link *link)
{
	struct worker *worker = link->worker;
	const uint64_t first = link->begun - link->unplanned;

	if (!is_open_loop(link))
		return;
	for (uint64_t number = first; number < link->due && !atomic_load(&worker->told_stop); number++)
		account_not_sent(worker, schedule_due(&worker->schedule, link->index, number));
	load_worker_unawait(worker, (size_t)(link->due - first));
	link->due = first;
}

void
link_forget(struct link *link)
{
	for (uint64_t number = link_oldest(link); number < link->begun; number++) {
		const struct flight *flight = link_flight(link, number);

		if (flight->number == number && flight->state == FLIGHT_FLYING)
			account_undecided(link->worker, flight);
	}
	clear(link);
}

/* --- looking after it -------------------------------------------------------------------- */

/* The next message goes over a connection of its own, with which it begins. */
static void
renew(struct link *link)
{
	if (link->flying == 0 && link_allowance(link) > 0)
		link_begin(link, timing_now());
	if (link->flying > 0)
		link_open(link, link_flight(link, link->begun - 1)->sent);
}

void
link_push(struct link *link)
{
	if (link->state == LINK_OPEN && !link->worker->is_stream)
		datagram_push(link);
	else if (link->state == LINK_OPEN)
		stream_push(link);
	else if (link->state == LINK_CLOSED && link->worker->plan->churn)
		renew(link);
}

/*
 * Where a message is missing a stream tells so by what comes behind it; where nothing flies behind
 * it, one more message is sent, once, to have that told from a peer that is mute.
 */
static void
probe(struct link *link)
{
	link->has_probed = link->is_to_probe = link->out == link->out_size;
	stream_push(link);
}

static void
look_at_stream(struct link *link, int64_t now)
{
	const int64_t wait = timing_nanoseconds(link->worker->plan->wait);
	const int64_t silent = now - later(link->heard,
	    link->flying > 0 ? link_flight(link, link->settled)->sent : now);

	if (silent > wait)
		link_lose_mute(link);
	else if (silent > wait / 2 && !link->has_probed && link->state == LINK_OPEN &&
	    link->flying <= link->worker->plan->in_flight)
		probe(link);
}

void
link_look(struct link *link, int64_t now)
{
	const struct worker *worker = link->worker;

	if (link->suspicion != NULL) /* in any state */
		suspicion_look(link, now);
	else if (link->state == LINK_CLOSED && worker->plan->churn)
		link_push(link);
	else if (link->state == LINK_OPEN && !worker->is_stream)
		datagram_look(link, now);
	else if (link->state == LINK_OPEN)
		look_at_stream(link, now);
	else if (link->state == LINK_ENDING && worker->plan->churn &&
	    now - link->since > timing_nanoseconds(worker->plan->wait))
		link_lose_mute(link);
}
