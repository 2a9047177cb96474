/* What the workers have to tell: see worker_room.h. */
#include "daemon/observe/worker_room.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

struct worker_room {
	struct census_room room;
	const struct workers *workers;
	const struct crowds *crowds;
	char names[][12]; /* of the workers: their numbers */
};

static const char *
name_of(const void *of, size_t index)
{
	const struct worker_room *room = of;

	return index < workers_count(room->workers) ? room->names[index] : NULL;
}

static uint64_t
read_connections(const void *of, size_t index)
{
	const struct worker_room *room = of;

	return workers_open(room->workers, index);
}

static uint64_t
read_blocked(const void *of, size_t index)
{
	const struct worker_room *room = of;

	return counter_read(&crowds_get(room->crowds, index)->blocked);
}

static uint64_t
read_blocked_bytes(const void *of, size_t index)
{
	const struct worker_room *room = of;

	return counter_read(&crowds_get(room->crowds, index)->blocked_bytes);
}

static uint64_t
read_heartbeat_age(const void *of, size_t index)
{
	const struct worker_room *room = of;

	return (uint64_t)worker_heartbeat_age(workers_get(room->workers, index), clock_ms());
}

static uint64_t
read_cpu(const void *of, size_t index)
{
	const struct worker_room *room = of;
	uint64_t us;

	return worker_cpu(workers_get(room->workers, index), &us) ? us : CENSUS_NONE;
}

/* Of all workers together. */
static uint64_t
read_turns(const void *of, size_t cell)
{
	const struct worker_room *room = of;
	uint64_t sum = 0;

	for (size_t i = 0; i < workers_count(room->workers); i++)
		sum += worker_turns(workers_get(room->workers, i), cell);
	return sum;
}

#define GAUGE(called, said, digits) \
	.family = { .name = (called), .help = (said), .type = FAMILY_GAUGE, .label = "worker", \
	    .decimals = (digits) }, .value = name_of

static const struct census_row rows[] = {
	{ GAUGE("echod_worker_connections", "Connections that the worker has.", 0),
	  .read = read_connections },
	{ GAUGE("echod_worker_blocked_connections",
	      "Those of them whose bytes wait for their peers to take some.", 0),
	  .read = read_blocked },
	{ GAUGE("echod_worker_blocked_bytes", "These bytes.", 0), .read = read_blocked_bytes },
	{ GAUGE("echod_worker_heartbeat_age_seconds",
	      "How long ago the worker last showed that it lives, as it does once a second.", 3),
	  .read = read_heartbeat_age },
	{ .family = { .name = "echod_worker_cpu_seconds_total",
	      .help = "The time of a CPU that the worker took.", .type = FAMILY_COUNTER,
	      .label = "worker", .decimals = 6 }, .read = read_cpu, .value = name_of,
	  .is_of_process = true },
	{ .family = { .name = "echod_worker_turn_seconds",
	      .help = "How long it took workers to serve all that was ready, once a second.",
	      .type = FAMILY_HISTOGRAM, .count = TURN_CELLS, .scale = &turn_scale },
	  .read = read_turns },
};

struct worker_room *
worker_room_new(struct census *census, const struct workers *workers, const struct crowds *crowds)
{
	const size_t count = workers_count(workers);
	struct worker_room *room = calloc(1, sizeof(*room) + count * sizeof(room->names[0]));

	if (room == NULL)
		return NULL;
	room->workers = workers;
	room->crowds = crowds;
	for (size_t i = 0; i < count; i++)
		snprintf(room->names[i], sizeof(room->names[i]), "%u", (unsigned)i);
	room->room = (struct census_room){
		.rows = rows, .count = sizeof(rows) / sizeof(rows[0]), .of = room,
	};
	census_register(census, &room->room);
	return room;
}

void
worker_room_free(struct worker_room *room)
{
	free(room);
}
