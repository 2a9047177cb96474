/* Which blocked connections are ended for the memory that they hold: see pressure.h. */
#include "daemon/stream/limits/pressure.h"

#include <malloc.h>
#include <stdlib.h>

#include "daemon/stream/conn.h"

/*
 * Where memory is short, who took nothing for this long is aborted: ms.  A thousand peers
 * that read a megabyte each in turn take about a second for a round on two CPUs, and they
 * do not hold so much.
 */
#define SHORT_STALL 500

/* How long after a connection blocked, or moved, what was on its way may still arrive: ms. */
#define FIRST_MOMENTS 300

/* Who has moved within this time may have sent what is not read yet: ms. */
#define BUSY 1000

/* How old it may be what was seen of the memory that blocked connections hold: ms. */
#define MEMORY_LOOK 50

/*
 * How many are aborted in one look, less than a millisecond of work, so that the others are
 * served in between; and how soon the next look is where more are due: ms.
 */
#define ABORTS_AT_ONCE 16
#define NEXT_LOOK 2

/* What is worth giving back: bytes. */
#define MUCH_MEMORY (8 << 20)

/* How long it is at least between two times: ms. */
#define GIVE_BACK_EVERY 1000

/* In these a connection waits for its peer to take bytes. */
static const enum conn_state states[] = { CONN_BLOCKED, CONN_FLUSHING, CONN_CLOSING };
#define STATES (sizeof(states) / sizeof(states[0]))

/* Of each list the first has been silent for longest. */
static struct conn *
longest_silent(struct crowd *crowd, int64_t now)
{
	struct conn *longest = NULL;

	for (size_t i = 0; i < STATES; i++) {
		struct conn *conn = TAILQ_FIRST(&crowd->lists[states[i]]);

		if (conn != NULL && (longest == NULL ||
		    conn_silence(conn, now) > conn_silence(longest, now)))
			longest = conn;
	}
	return longest;
}

/* The longest silent is stalled, if any is.  Returns how many it ended, `limit` at most. */
static size_t
end_beyond_count(struct crowd *crowd, int64_t now, size_t limit)
{
	const size_t most = atomic_load_explicit(&crowd->limits.stalled, memory_order_relaxed);
	struct conn *conn;
	size_t ended = 0;

	while (ended < limit && most > 0 && crowd->stalled > most &&
	    (conn = longest_silent(crowd, now)) != NULL && conn_is_stalled(conn)) {
		conn_abort(conn, CLOSE_STALLED);
		ended++;
	}
	return ended;
}

static uint64_t
memory_bound(const struct crowd *crowd)
{
	return atomic_load_explicit(&crowd->limits.blocked_memory, memory_order_relaxed);
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

/* Adds up what those hold that are read, but for the silent ones, of whom nothing waits. */
static uint64_t
look_at_busy(struct conn_list *list, int64_t now)
{
	const struct conn *conn;
	uint64_t held = 0;

	for (conn = TAILQ_LAST(list, conn_list); conn != NULL; conn = conn_before(conn)) {
		if (conn_silence(conn, now) >= BUSY)
			break;
		held += conn_memory(conn);
	}
	return held;
}

/* With thousands of them it takes milliseconds: between two looks what was freed is known. */
static void
look_at_memory(struct crowd *crowd, int64_t now, uint64_t most)
{
	if (now < crowd->memory_looked + MEMORY_LOOK)
		return;
	crowd->memory_looked = now;
	crowd->memory_held = look_at_busy(&crowd->lists[CONN_READING], now) +
	    look_at_busy(&crowd->lists[CONN_PACED], now);
	for (size_t i = 0; i < STATES; i++)
		crowd->memory_held += look_at_list(&crowd->lists[states[i]], now);
	crowd->memory_room = crowd->memory_held < most / 2 ? most / 2 - crowd->memory_held : 0;
}

/*
 * The one to end for the memory that all hold, or NULL: near the bound who took nothing for a
 * while, beyond it whoever moved least lately, since there are peers that take a byte now and
 * then.
 */
static struct conn *
find_holder(struct crowd *crowd, int64_t now, uint64_t most)
{
	struct conn *conn;

	if (crowd->memory_held <= most - most / 16)
		return NULL;
	conn = longest_silent(crowd, now);
	if (crowd->memory_held > most)
		return conn;
	/* Who has taken some is at the end of its list now. */
	while (conn != NULL && conn_silence(conn, now) >= SHORT_STALL && conn_took_bytes(conn))
		conn = longest_silent(crowd, now);
	return conn != NULL && conn_silence(conn, now) >= SHORT_STALL ? conn : NULL;
}

/* Returns how many it ended, `limit` at most. */
static size_t
end_beyond_memory(struct crowd *crowd, int64_t now, size_t limit)
{
	const uint64_t most = memory_bound(crowd);
	struct conn *conn;
	size_t ended = 0, freed;

	if (most == 0) {
		crowd->memory_room = UINT64_MAX;
		return 0;
	}
	look_at_memory(crowd, now, most);
	while (ended < limit && (conn = find_holder(crowd, now, most)) != NULL) {
		freed = conn_memory(conn);
		crowd->memory_held -= freed < crowd->memory_held ? freed : crowd->memory_held;
		conn_abort(conn, CLOSE_STALLED);
		ended++;
	}
	return ended;
}

/*
 * malloc_trim(3) gives back what is free between what is used, but not the end of a thread's
 * heap: glibc does that when something is freed there.
 */
static void
trim(void)
{
	void *volatile last;

	malloc_trim(0);
	last = malloc(SCRATCH_SIZE);
	free(last);
}

void
pressure_give_back(struct crowd *crowd, int64_t now)
{
	if (crowd->own_most - crowd->own_memory < MUCH_MEMORY ||
	    now - crowd->gave_back < GIVE_BACK_EVERY)
		return;
	crowd->gave_back = now;
	crowd->own_most = crowd->own_memory;
	trim();
}

int64_t
pressure_end(struct crowd *crowd, int64_t now)
{
	size_t ended = end_beyond_count(crowd, now, ABORTS_AT_ONCE);

	ended += end_beyond_memory(crowd, now, ABORTS_AT_ONCE - ended);
	return ended == ABORTS_AT_ONCE ? NEXT_LOOK : CROWD_WATCH;
}
