/* Ends the connections of a loop whose time is up: see sweep.h. */
#include "daemon/sweep.h"

#include "daemon/conn.h"

/* In a drain a connection that has been silent this long has had its say: ms. */
#define DRAIN_SILENCE 1000

/* How long a peer may take to shut down its side after ours, taking no byte: ms. */
#define LINGER 5000

/* No sweep is nearer than this: ms, longer than a tick of the coarse clock. */
#define NEAREST 10

static void
end_lingering(struct loop *loop, int64_t now)
{
	struct conn *conn;

	while ((conn = TAILQ_FIRST(&loop->lingering)) != NULL && conn_silence(conn, now) >= LINGER)
		conn_end_lingering(conn);
}

/* One that has nothing waiting gets our FIN; for one that does not take its bytes it is too late. */
static void
end_idle(struct loop *loop, int64_t now, int64_t limit)
{
	struct conn *conn, *next;

	for (conn = TAILQ_FIRST(&loop->active); conn != NULL && conn_silence(conn, now) >= limit;
	     conn = next) {
		next = conn_next(conn);
		if (conn_state(conn) == CONN_READING)
			conn_finish(conn, CLOSE_IDLE);
		else
			conn_abort(conn, CLOSE_IDLE);
	}
}

/* A blocked one is not silent: what its peer has sent may still wait to be read. */
static void
end_silent(struct loop *loop, int64_t now)
{
	struct conn *conn, *next;

	for (conn = TAILQ_FIRST(&loop->active);
	     conn != NULL && conn_silence(conn, now) >= DRAIN_SILENCE; conn = next) {
		next = conn_next(conn);
		if (conn_state(conn) == CONN_READING)
			conn_finish(conn, CLOSE_DRAIN);
	}
}

/* In how many milliseconds the head of `list` will have been silent for `limit`. */
static int64_t
time_left(const struct conn_list *list, int64_t now, int64_t limit, int64_t most)
{
	const struct conn *conn = TAILQ_FIRST(list);
	int64_t left;

	if (conn == NULL || limit == 0)
		return most;
	left = limit - conn_silence(conn, now);
	return left < NEAREST ? NEAREST : left < most ? left : most;
}

int64_t
sweep_due(struct loop *loop, int64_t now, int64_t most)
{
	const int64_t idle = atomic_load(&loop->idle_timeout);

	end_lingering(loop, now);
	if (loop->draining)
		end_silent(loop, now);
	else if (idle > 0)
		end_idle(loop, now, idle);
	most = time_left(&loop->lingering, now, LINGER, most);
	/* A blocked connection has no time of its own in a drain: `most` is short then. */
	return loop->draining ? most : time_left(&loop->active, now, idle, most);
}

void
sweep_finish_all(struct loop *loop, enum close_reason reason)
{
	struct conn *conn, *next;

	for (conn = TAILQ_FIRST(&loop->active); conn != NULL; conn = next) {
		next = conn_next(conn);
		conn_finish(conn, reason);
	}
}

void
sweep_abort_all(struct loop *loop, enum close_reason reason)
{
	struct conn *conn;

	while ((conn = TAILQ_FIRST(&loop->active)) != NULL)
		conn_abort(conn, reason);
	while ((conn = TAILQ_FIRST(&loop->lingering)) != NULL)
		conn_abort(conn, conn_reason(conn));
}
