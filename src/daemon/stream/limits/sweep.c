/* Ends the connections of a crowd whose time is up: see sweep.h. */
#include "daemon/stream/limits/sweep.h"

#include <event2/event.h>
#include <stddef.h>

#include "base/clock.h"
#include "daemon/stream/conn.h"
#include "daemon/stream/limits/pressure.h"

/* In a drain a connection that has been silent this long has had its say: ms. */
#define DRAIN_SILENCE 1000

/* How long a peer may take to shut down its side after ours, taking no byte: ms. */
#define LINGER 5000

/*
 * How many times limits.write_timeout a connection may be blocked without a break, however
 * steadily its peer takes a byte now and then.
 */
#define BLOCKED_MOST 10

/* How long a handshake may take where others wait for its end: ms. */
#define SHAKING_ALONE 1000

/* How often all connections are looked at for their age: ms. */
#define AGE_LOOK 500

/* No sweep is nearer than this: ms, longer than a tick of the coarse clock. */
#define NEAREST 10

static int64_t
limit_of(const _Atomic int64_t *limit)
{
	return atomic_load_explicit(limit, memory_order_relaxed);
}

/*
 * Calls `look` for the connections of `state` that have been silent for `limit`, which it
 * may end or move to the end of the list.
 */
static void
each_silent(struct crowd *crowd, enum conn_state state, int64_t now, int64_t limit,
    void (*look)(struct crowd *crowd, struct conn *conn, int64_t now))
{
	struct conn *conn = TAILQ_FIRST(&crowd->lists[state]), *next;
	const struct conn *last = TAILQ_LAST(&crowd->lists[state], conn_list);

	for (; conn != NULL && conn_silence(conn, now) >= limit; conn = next) {
		next = conn != last ? conn_next(conn) : NULL;
		look(crowd, conn, now);
	}
}

/* --- what each of them is due ------------------------------------------------------- */

/* Our side is shut down.  A peer that takes what is left may shut down its own later. */
static void
look_at_lingering(struct crowd *crowd, struct conn *conn, int64_t now)
{
	(void)crowd;
	(void)now;
	if (conn_is_taken(conn))
		conn_close(conn, conn_reason(conn));
	else if (!conn_took_bytes(conn))
		conn_abort(conn, conn_reason(conn));
}

/* It gets our FIN, unless its peer is busy with what the kernel holds. */
static void
look_at_silent(struct crowd *crowd, struct conn *conn, int64_t now)
{
	const bool is_drained =
	    crowd->draining || (crowd->draining_tied && conn_is_tied(conn));

	(void)now;
	if (conn_is_taken(conn) || !conn_took_bytes(conn))
		conn_finish(conn, is_drained ? CLOSE_DRAIN : CLOSE_IDLE);
}

static void
look_at_silent_tied(struct crowd *crowd, struct conn *conn, int64_t now)
{
	if (conn_is_tied(conn))
		look_at_silent(crowd, conn, now);
}

/* For one that does not take its bytes our FIN is too late. */
static void
look_at_blocked(struct crowd *crowd, struct conn *conn, int64_t now)
{
	const int64_t write = limit_of(&crowd->limits.write), idle = limit_of(&crowd->limits.idle);
	const bool took = conn_took_bytes(conn);

	if (!took)
		conn_mark_stalled(conn);
	if (write > 0 && (conn_silence(conn, now) >= write ||
	    conn_blocked_for(conn, now) >= write * BLOCKED_MOST))
		conn_abort(conn, CLOSE_WRITE);
	else if (idle > 0 && conn_silence(conn, now) >= idle)
		conn_abort(conn, CLOSE_IDLE);
}

/* Both sides are shut down, so no event is left: all that is left is the peer's to take. */
static void
look_at_closing(struct crowd *crowd, struct conn *conn, int64_t now)
{
	(void)crowd;
	(void)now;
	if (!conn_end_if_failed(conn) && conn_is_taken(conn))
		conn_close(conn, conn_reason(conn));
}

/* Nothing is read until it is paid for, or until others are done: no event is left either. */
static void
look_at_unread(struct crowd *crowd, struct conn *conn, int64_t now)
{
	(void)crowd;
	(void)now;
	conn_end_if_failed(conn);
}

/* From when it was accepted, whatever its peer has sent since. */
static void
look_at_handshake(struct crowd *crowd, struct conn *conn, int64_t now)
{
	const int64_t limit = limit_of(&crowd->limits.handshake);

	if (limit > 0 && conn_age(conn, now) >= limit)
		conn_blame(conn, FAULT_TLS_TIMEOUT);
}

static void
look_at_age(struct crowd *crowd, struct conn *conn, int64_t now)
{
	if (conn_age(conn, now) >= limit_of(&crowd->limits.lifetime))
		conn_finish(conn, CLOSE_LIFETIME);
}

/* --- all of them ---------------------------------------------------------------------- */

/*
 * In how many milliseconds the head of a list will have been silent for `limit`, or is to be
 * looked at again: a blocked one that takes nothing has been, and stays.
 */
static int64_t
time_left(const struct crowd *crowd, enum conn_state state, int64_t now, int64_t limit, int64_t most)
{
	const struct conn *conn = TAILQ_FIRST(&crowd->lists[state]);
	int64_t left;

	if (conn == NULL || limit == 0)
		return most;
	left = limit - conn_silence(conn, now);
	if (left <= 0)
		left = CROWD_WATCH;
	return left < NEAREST ? NEAREST : left < most ? left : most;
}

/*
 * In a drain who has said nothing yet has had its say.  Of those who have, the list is in the
 * order in which they began, so all are looked at: they are few.
 */
static void
end_handshakes(struct crowd *crowd, int64_t now)
{
	if (crowd->draining || crowd->draining_tied)
		each_silent(crowd, CONN_EXPECTED, now, DRAIN_SILENCE, look_at_silent);
	each_silent(crowd, CONN_EXPECTED, now, limit_of(&crowd->limits.handshake),
	    look_at_handshake);
	each_silent(crowd, CONN_QUEUED, now, 0, look_at_handshake);
	each_silent(crowd, CONN_SHAKING, now, 0, look_at_handshake);
}

static void
end_due(struct crowd *crowd, int64_t now)
{
	const int64_t idle = limit_of(&crowd->limits.idle);

	end_handshakes(crowd, now);

	each_silent(crowd, CONN_LINGERING, now, LINGER, look_at_lingering);
	each_silent(crowd, CONN_BLOCKED, now, PRESSURE_STALLED_AFTER, look_at_blocked);
	each_silent(crowd, CONN_FLUSHING, now, PRESSURE_STALLED_AFTER, look_at_blocked);
	each_silent(crowd, CONN_CLOSING, now, PRESSURE_STALLED_AFTER, look_at_blocked);
	/* In a drain a blocked one is not silent: what its peer has sent may still wait to be read. */
	if (crowd->draining)
		each_silent(crowd, CONN_READING, now, DRAIN_SILENCE, look_at_silent);
	else if (crowd->draining_tied)
		each_silent(crowd, CONN_READING, now, DRAIN_SILENCE, look_at_silent_tied);
	if (idle > 0 && !crowd->draining)
		each_silent(crowd, CONN_READING, now, idle, look_at_silent);
	if (limit_of(&crowd->limits.lifetime) > 0 && now - crowd->ages_looked >= AGE_LOOK) {
		crowd->ages_looked = now;
		for (enum conn_state state = CONN_READING; state <= CONN_BLOCKED; state++)
			each_silent(crowd, state, now, 0, look_at_age);
	}
}

int64_t
sweep_due(struct crowd *crowd, int64_t now, int64_t most)
{
	end_due(crowd, now);
	pressure_give_back(crowd, now);
	most = time_left(crowd, CONN_EXPECTED, now, limit_of(&crowd->limits.handshake), most);
	most = time_left(crowd, CONN_SHAKING, now, limit_of(&crowd->limits.handshake), most);
	most = time_left(crowd, CONN_LINGERING, now, LINGER, most);
	most = time_left(crowd, CONN_BLOCKED, now, PRESSURE_STALLED_AFTER, most);
	/* In a drain `most` is short, and a silent connection needs no time of its own. */
	return crowd->draining ? most
	    : time_left(crowd, CONN_READING, now, limit_of(&crowd->limits.idle), most);
}

/* In these states a connection waits for something else than bytes of its peer. */
static const enum conn_state waiting[] = {
	CONN_QUEUED, CONN_PACED, CONN_BLOCKED, CONN_FLUSHING, CONN_CLOSING,
};

static bool
has_waiting(const struct crowd *crowd)
{
	for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++)
		if (!TAILQ_EMPTY(&crowd->lists[waiting[i]]))
			return true;
	return false;
}

/*
 * Who holds up others with a handshake that does not go on leaves, the longest first: so peers
 * that begin and fall silent keep nobody out for long.
 */
static void
make_way(struct crowd *crowd, int64_t now)
{
	struct conn *longest;

	while (!TAILQ_EMPTY(&crowd->lists[CONN_QUEUED]) &&
	    (longest = TAILQ_FIRST(&crowd->lists[CONN_SHAKING])) != NULL &&
	    conn_silence(longest, now) >= SHAKING_ALONE)
		conn_blame(longest, FAULT_TLS_CROWDED);
}

int64_t
sweep_watch(struct crowd *crowd, int64_t now)
{
	int64_t again;

	make_way(crowd, now);
	each_silent(crowd, CONN_CLOSING, now, 0, look_at_closing);
	each_silent(crowd, CONN_QUEUED, now, CROWD_WATCH, look_at_unread);
	each_silent(crowd, CONN_PACED, now, CROWD_WATCH, look_at_unread);
	again = pressure_end(crowd, now);
	return has_waiting(crowd) ? again : 0;
}

void
sweep_finish_all(struct crowd *crowd, enum close_reason reason, bool tied_alone)
{
	struct conn *conn, *next;

	for (enum conn_state state = 0; state < CONN_FLUSHING; state++)
		for (conn = TAILQ_FIRST(&crowd->lists[state]); conn != NULL; conn = next) {
			next = conn_next(conn);
			if (!tied_alone || conn_is_tied(conn))
				conn_finish(conn, reason);
		}
}

void
sweep_abort_all(struct crowd *crowd, enum close_reason reason, bool tied_alone)
{
	struct conn *conn, *next;

	for (enum conn_state state = 0; state < CONN_STATE_COUNT; state++)
		for (conn = TAILQ_FIRST(&crowd->lists[state]); conn != NULL; conn = next) {
			next = conn_next(conn);
			if (!tied_alone || conn_is_tied(conn))
				conn_abort(conn, state < CONN_LINGERING ? reason : conn_reason(conn));
		}
}

/* --- as the loop calls it --------------------------------------------------------------- */

static struct crowd *
crowd_of(struct caretaker *caretaker)
{
	return (struct crowd *)(void *)((char *)caretaker - offsetof(struct crowd, caretaker));
}

static int64_t
on_beat(struct caretaker *caretaker, int64_t now, int64_t most)
{
	struct crowd *crowd = crowd_of(caretaker);

	most = sweep_due(crowd, now, most);
	if (has_waiting(crowd))
		crowd_watch(crowd);
	return most;
}

static void
on_drain(struct caretaker *caretaker, enum drain_step step)
{
	struct crowd *crowd = crowd_of(caretaker);

	switch (step) {
	case DRAIN_TIED:
		crowd->draining_tied = true;
		break;
	case DRAIN_ALL:
		crowd->draining = true;
		break;
	case FINISH_TIED:
	case FINISH_ALL:
		sweep_finish_all(crowd, CLOSE_DRAIN, step == FINISH_TIED);
		break;
	case ABORT_TIED:
	case ABORT_ALL:
		sweep_abort_all(crowd, CLOSE_STOP, step == ABORT_TIED);
		break;
	case DRAIN_STEPS:
		break;
	}
}

static void
on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct crowd *crowd = arg;
	const int64_t after = sweep_watch(crowd, clock_ms());

	(void)fd;
	(void)what;
	if (after > 0)
		loop_set_timer(crowd->watcher, after);
}

bool
sweep_look_after(struct crowd *crowd)
{
	crowd->watcher = evtimer_new(crowd->loop->base, on_watch, crowd);
	if (crowd->watcher == NULL)
		return false;
	crowd->caretaker = (struct caretaker){ .beat = on_beat, .drain = on_drain };
	loop_add_caretaker(crowd->loop, &crowd->caretaker);
	return true;
}
