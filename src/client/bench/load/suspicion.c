/*
 * What came over a stream is not what was sent: it is kept for a moment with what follows, since
 * that tells what is wrong.  Then the connection is closed.
 */
#include <stdlib.h>
#include <string.h>

#include "client/bench/load/difference.h"
#include "client/bench/load/load_internal.h"
#include "client/timing.h"

#define KEPT_MOST 131072

/* When nothing more comes, in nanoseconds after the last. */
#define PATIENCE INT64_C(200000000)

/* How much a worker searches in a run, which is less than a second: bytes, and those of a message. */
#define SEARCHED_MOST (UINT64_C(1) << 27)
#define SEARCHED_EACH 64

struct suspicion {
	int64_t last; /* when something came */
	size_t size;
	unsigned char kept[KEPT_MOST];
};

void
suspicion_add(struct link *link, const unsigned char *data, size_t size)
{
	struct suspicion *suspicion = link->suspicion;
	const size_t room = KEPT_MOST - suspicion->size, part = size < room ? size : room;

	memcpy(suspicion->kept + suspicion->size, data, part);
	suspicion->size += part;
	suspicion->last = timing_now();
	if (suspicion->size == KEPT_MOST)
		suspicion_settle(link);
}

/* Without memory it is judged by one byte. */
static void
settle(struct link *link, const unsigned char *data, size_t size);

void
suspicion_begin(struct link *link, const unsigned char *data, size_t size)
{
	link->suspicion = malloc(sizeof(*link->suspicion));
	link->worker->awaited++;
	if (link->suspicion == NULL) {
		settle(link, data, size);
		return;
	}
	link->suspicion->size = 0;
	suspicion_add(link, data, size);
}

void
suspicion_look(struct link *link, int64_t now)
{
	if (now - link->suspicion->last > PATIENCE)
		suspicion_settle(link);
}

/* --- what it is ------------------------------------------------------------------------ */

static bool
is_of(const struct link *link, const unsigned char *data, size_t size)
{
	struct worker *worker = link->worker;
	uint64_t number = link->settled > 0 ? link->settled - 1 : 0;

	for (; number < link->begun; number++) {
		const struct message message = link_message(link, number);

		worker->searched += SEARCHED_EACH +
		    (message.size < PAYLOAD_TABLE ? message.size : PAYLOAD_TABLE);
		if (payload_find(worker->payload, &message, data, size) < message.size)
			return true;
	}
	return false;
}

/*
 * Those of other threads are not looked at.  Where all connections get what is not theirs, to look
 * for that on all others each time would take minutes: the first ones tell enough.
 */
static bool
is_of_another(const void *arg, const unsigned char *data, size_t size)
{
	const struct link *link = arg;
	const struct worker *worker = link->worker;

	for (size_t i = 0; i < worker->count && worker->searched < SEARCHED_MOST; i++)
		if (&worker->links[i] != link && is_of(&worker->links[i], data, size))
			return true;
	return false;
}

static struct difference
difference_of(const struct link *link)
{
	const struct plan *plan = link->worker->plan;

	return (struct difference){
		.payload = link->worker->payload,
		.sizes = &plan->sizes,
		.connection = link->index,
		.connections = plan->connections,
		.first = plan->churn ? link->settled : 0,
		.message = link->settled,
		.at = link->in,
		.begun = link->begun,
		.out = link->out,
		.is_of_another = is_of_another,
		.arg = link,
	};
}

static void
settle(struct link *link, const unsigned char *data, size_t size)
{
	const struct difference difference = difference_of(link);
	struct bench_fault fault = { .connection = link->index, .got = *data,
		.has_offset = true, .offset = link->offset + link->in };
	const enum bench_error kind =
	    difference_judge(&difference, data, size, &fault.message);

	fault.has_bytes = difference_expected(&difference, &fault.expected);
	account_error(link->worker, kind, fault);
	if (link->flying > 0)
		link_flight(link, link->settled)->state = FLIGHT_SPOILT;
	free(link->suspicion);
	link->suspicion = NULL;
	load_worker_unawait(link->worker, 1);
	link_give_up(link);
}

void
suspicion_settle(struct link *link)
{
	settle(link, link->suspicion->kept, link->suspicion->size);
}
