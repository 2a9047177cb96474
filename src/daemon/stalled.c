/* Which blocked connections are ended for the memory that they hold: see stalled.h. */
#include "daemon/stalled.h"

#include "daemon/conn.h"

/*
 * Where memory is short, who took nothing for this long is aborted: ms.  A thousand peers
 * that read a megabyte each in turn take about a second for a round on two CPUs, and they
 * do not hold so much.
 */
#define SHORT_STALL 500

/* How long after a connection blocked, or moved, what was on its way may still arrive: ms. */
#define FIRST_MOMENTS 300

/* How old it may be what was seen of the memory that blocked connections hold: ms. */
#define MEMORY_LOOK 50

/*
 * How many are aborted in one look, less than a millisecond of work, so that the others are
 * served in between; and how soon the next look is where more are due: ms.
 */
#define ABORTS_AT_ONCE 16
#define NEXT_LOOK 2

/* In these a connection waits for its peer to take bytes. */
static const enum conn_state states[] = { CONN_BLOCKED, CONN_FLUSHING, CONN_CLOSING };
#define STATES (sizeof(states) / sizeof(states[0]))

/* Of each list the first has been silent for longest. */
static struct conn *
longest_silent(struct loop *loop, int64_t now)
{
	struct conn *longest = NULL;

	for (size_t i = 0; i < STATES; i++) {
		struct conn *conn = TAILQ_FIRST(&loop->lists[states[i]]);

		if (conn != NULL && (longest == NULL ||
		    conn_silence(conn, now) > conn_silence(longest, now)))
			longest = conn;
	}
	return longest;
}

/* The longest silent is stalled, if any is.  Returns how many it ended, `limit` at most. */
static size_t
end_beyond_count(struct loop *loop, int64_t now, size_t limit)
{
	const size_t most = atomic_load_explicit(&loop->limits.stalled, memory_order_relaxed);
	struct conn *conn;
	size_t ended = 0;

	while (ended < limit && most > 0 && loop->stalled > most &&
	    (conn = longest_silent(loop, now)) != NULL && conn_is_stalled(conn)) {
		conn_abort(conn, CLOSE_STALLED);
		ended++;
	}
	return ended;
}

static uint64_t
memory_bound(const struct loop *loop)
{
	return atomic_load_explicit(&loop->limits.blocked_memory, memory_order_relaxed);
}

/*
 * Adds up what the connections of a list hold.  What was on its way when one blocked is seen
 * to arrive in its first moments: from then on it has been silent.
 */
static uint64_t
look_at_list(struct conn_list *list, int64_t now)
{
	const struct conn *last = TAILQ_LAST(list, conn_list);
	struct conn *conn = TAILQ_FIRST(list), *next;
	uint64_t held = 0;

	for (; conn != NULL; conn = next) {
		next = conn != last ? conn_next(conn) : NULL;
		held += conn_memory(conn);
		if (conn_silence(conn, now) < FIRST_MOMENTS)
			conn_took_bytes(conn);
	}
	return held;
}

/* With thousands of them it takes milliseconds: between two looks what was freed is known. */
static void
look_at_memory(struct loop *loop, int64_t now)
{
	if (now < loop->memory_looked + MEMORY_LOOK)
		return;
	loop->memory_looked = now;
	loop->memory_held = 0;
	for (size_t i = 0; i < STATES; i++)
		loop->memory_held += look_at_list(&loop->lists[states[i]], now);
}

/* Returns how many it ended, `limit` at most. */
static size_t
end_beyond_memory(struct loop *loop, int64_t now, size_t limit)
{
	const uint64_t most = memory_bound(loop);
	struct conn *conn;
	size_t ended = 0, freed;

	if (most == 0)
		return 0;
	look_at_memory(loop, now);
	while (ended < limit && loop->memory_held > most &&
	    (conn = longest_silent(loop, now)) != NULL && conn_silence(conn, now) >= SHORT_STALL) {
		if (conn_took_bytes(conn))
			continue; /* it is at the end of its list now */
		freed = conn_memory(conn);
		loop->memory_held -= freed < loop->memory_held ? freed : loop->memory_held;
		conn_abort(conn, CLOSE_STALLED);
		ended++;
	}
	return ended;
}

int64_t
stalled_end(struct loop *loop, int64_t now)
{
	size_t ended = end_beyond_count(loop, now, ABORTS_AT_ONCE);

	ended += end_beyond_memory(loop, now, ABORTS_AT_ONCE - ended);
	return ended == ABORTS_AT_ONCE ? NEXT_LOOK : LOOP_WATCH;
}
