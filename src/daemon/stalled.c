/* Which blocked connections are ended for the memory that they hold: see stalled.h. */
#include "daemon/stalled.h"

#include "daemon/conn.h"

/*
 * Where memory is short, who took nothing for this long is aborted: ms.  A thousand peers
 * that read a megabyte each in turn take about a second for a round on two CPUs, and they
 * do not hold so much.
 */
#define SHORT_STALL 500

/* How often it is looked how much memory blocked connections hold: ms. */
#define MEMORY_LOOK 100

/* In these a connection waits for its peer to take bytes. */
static const enum conn_state states[] = { CONN_BLOCKED, CONN_FLUSHING, CONN_CLOSING };
#define STATES (sizeof(states) / sizeof(states[0]))

static size_t
bound(const _Atomic size_t *limit)
{
	return atomic_load_explicit(limit, memory_order_relaxed);
}

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

/* The longest silent is stalled, if any is. */
static void
end_beyond_count(struct loop *loop, int64_t now)
{
	const size_t most = bound(&loop->limits.stalled);
	struct conn *conn;

	while (most > 0 && loop->stalled > most && (conn = longest_silent(loop, now)) != NULL &&
	    conn_is_stalled(conn))
		conn_abort(conn, CLOSE_STALLED);
}

static size_t
memory_held(const struct loop *loop)
{
	const struct conn *conn;
	size_t held = 0;

	for (size_t i = 0; i < STATES; i++) {
		conn = TAILQ_FIRST(&loop->lists[states[i]]);
		for (; conn != NULL; conn = conn_next(conn))
			held += conn_kernel_memory(conn);
	}
	return held;
}

static void
end_beyond_memory(struct loop *loop, int64_t now)
{
	const size_t most = bound(&loop->limits.blocked_memory);
	size_t held = most > 0 ? memory_held(loop) : 0;
	struct conn *conn;
	size_t freed;

	while (held > most && (conn = longest_silent(loop, now)) != NULL &&
	    conn_silence(conn, now) >= SHORT_STALL) {
		if (conn_took_bytes(conn))
			continue; /* it is at the end of its list now */
		freed = conn_kernel_memory(conn);
		held -= freed < held ? freed : held;
		conn_abort(conn, CLOSE_STALLED);
	}
}

void
stalled_end(struct loop *loop, int64_t now)
{
	end_beyond_count(loop, now);
	end_beyond_memory(loop, now);
}

int64_t
stalled_look(const struct loop *loop, int64_t most)
{
	if (bound(&loop->limits.blocked_memory) == 0 || most <= MEMORY_LOOK)
		return most;
	for (size_t i = 0; i < STATES; i++)
		if (!TAILQ_EMPTY(&loop->lists[states[i]]))
			return MEMORY_LOOK;
	return most;
}
