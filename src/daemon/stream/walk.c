/* A look at all connections of a crowd: see walk.h. */
#include "daemon/stream/walk.h"

#include <event2/event.h>

#include "base/clock.h"
#include "daemon/stream/conn_internal.h"

/* The clock is looked at once for so many connections. */
#define LOOKS 16

/*
 * What a walk has not seen is in front in each list, in the order in which it was, and behind it
 * what it saw move, or came since.
 */
static bool
is_seen(const struct walk *walk, const struct conn *conn)
{
	return conn->seen == walk->crowd->walked;
}

static void
see(struct walk *walk, struct conn *conn)
{
	conn->seen = walk->crowd->walked;
	walk->look(walk, conn);
}

void
walk_pass(struct walk *walk, struct conn *conn)
{
	if (walk->next == conn)
		walk->next = conn_next(conn);
	if (!is_seen(walk, conn))
		see(walk, conn);
}

void
walk_forget(struct walk *walk, const struct conn *conn)
{
	if (walk->next == conn)
		walk->next = conn_next(conn);
}

/* Goes to the next list that has some.  Returns false where there is none. */
static bool
enter_list(struct walk *walk)
{
	while (walk->next == NULL || is_seen(walk, walk->next)) {
		if (walk->state + 1 == CONN_STATE_COUNT)
			return false;
		walk->state++;
		walk->next = TAILQ_FIRST(&walk->crowd->lists[walk->state]);
	}
	return true;
}

/* Returns false where all are seen. */
static bool
look_at_some(struct walk *walk)
{
	for (int i = 0; i < LOOKS; i++) {
		struct conn *conn;

		if (!enter_list(walk))
			return false;
		conn = walk->next;
		walk->next = conn_next(conn);
		see(walk, conn);
	}
	return true;
}

static void
end(struct walk *walk)
{
	loop_set_bulk(walk->crowd->loop, &walk->slice, false);
	walk->crowd->walk = NULL;
	walk->done(walk);
}

static void
on_slice(evutil_socket_t fd, short what, void *arg)
{
	struct walk *walk = arg;
	const int64_t begun = clock_us();
	int64_t took;
	bool has_more;

	(void)fd;
	(void)what;
	do {
		has_more = look_at_some(walk);
		took = clock_us() - begun;
	} while (has_more && took < WALK_SLICE);
	if (took > walk->longest)
		walk->longest = took;
	if (has_more && loop_set_timer(&walk->slice, 0) == 0)
		return;
	while (has_more) /* no memory for the timer: the walk must end all the same */
		has_more = look_at_some(walk);
	end(walk);
}

void
walk_begin(struct walk *walk, struct crowd *crowd)
{
	walk->crowd = crowd;
	walk->longest = 0;
	walk->state = 0;
	walk->next = TAILQ_FIRST(&crowd->lists[0]);
	crowd->walked = !crowd->walked;
	crowd->walk = walk;
	event_assign(&walk->slice, crowd->loop->base, -1, 0, on_slice, walk);
	/* What is ready, bulk or not, comes between two slices. */
	loop_queue_as_bulk(crowd->loop, &walk->slice, clock_ms());
	on_slice(-1, 0, walk);
}
