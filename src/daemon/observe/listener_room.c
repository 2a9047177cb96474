/* What the listeners in force have to tell: see listener_room.h. */
#include "daemon/observe/listener_room.h"

static const char *
name_of(const void *of, size_t index)
{
	const struct listener *listener = listeners_get(of, index);

	return listener != NULL ? listener_name(listener) : NULL;
}

static uint64_t
read_accepting(const void *of, size_t index)
{
	bool are_some;
	const bool is_accepting = listener_is_accepting(listeners_get(of, index), &are_some);

	return are_some ? is_accepting : CENSUS_NONE;
}

static uint64_t
read_queue_length(const void *of, size_t index)
{
	unsigned length, limit;

	return listener_queue(listeners_get(of, index), &length, &limit) ? length : CENSUS_NONE;
}

static uint64_t
read_queue_limit(const void *of, size_t index)
{
	unsigned length, limit;

	return listener_queue(listeners_get(of, index), &length, &limit) ? limit : CENSUS_NONE;
}

#define GAUGE(called, said) \
	.family = { .name = (called), .help = (said), .type = FAMILY_GAUGE, .label = "listener" }, \
	.value = name_of

static const struct census_row rows[] = {
	{ GAUGE("echod_listener_accepting",
	      "1 where connections are accepted, 0 where they wait for room or descriptors."),
	  .read = read_accepting },
	{ GAUGE("echod_accept_queue_length",
	      "Connections that the kernel has made, and that were not accepted yet."),
	  .read = read_queue_length },
	{ GAUGE("echod_accept_queue_limit", "How many of them there may be."),
	  .read = read_queue_limit },
};

static void
look(void *of)
{
	listeners_look(of);
}

void
listener_room_register(struct census_room *room, struct census *census,
    struct listeners *listeners)
{
	*room = (struct census_room){
		.rows = rows, .count = sizeof(rows) / sizeof(rows[0]), .of = listeners, .look = look,
	};
	census_register(census, room);
}
