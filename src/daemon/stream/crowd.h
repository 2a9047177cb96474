/*
 * The connections of one worker: who waits for what, and what all of them together may take.
 * The worker's thread owns it, once that runs, but for the limits.
 */
#ifndef DAEMON_STREAM_CROWD_H
#define DAEMON_STREAM_CROWD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "daemon/account/counters.h"
#include "daemon/threads/loop.h"

struct conn;
struct letter;
struct walk;

TAILQ_HEAD(conn_list, conn);

/* What a connection waits for.  Each state has a list, the longest silent first. */
enum conn_state {
	/* One that speaks TLS, before it is open; their lists are in the order in which they came. */
	CONN_EXPECTED,  /* for its first byte; it has no session yet */
	CONN_QUEUED,    /* for the handshakes of others: limits.handshakes */
	CONN_SHAKING,   /* for its handshake to end; what waits of it is sent */
	CONN_READING,   /* for bytes; none of its own wait */
	CONN_PACED,     /* for limits.bandwidth_per_connection to let it read on */
	CONN_BLOCKED,   /* for its peer: bytes wait in the bufferevent; nothing is read */
	CONN_FLUSHING,  /* the same, and our side is shut down once they are sent */
	CONN_LINGERING, /* our side is shut down: for the peer's, reading nothing back */
	CONN_CLOSING,   /* both sides are: for the peer to take what the kernel holds */
	CONN_STATE_COUNT,
};

/* What connections may take; 0: no limit. */
struct crowd_limits {
	int64_t idle, write, lifetime; /* milliseconds */
	int64_t bandwidth;             /* bytes per second, of each connection */
	size_t stalled;                /* connections, of all crowds together */
	int64_t handshake;             /* ms, from when a connection was accepted */
	size_t handshakes;             /* at once, of each crowd */
	uint64_t blocked_memory;       /* bytes, of all crowds together */
};

/*
 * How often those are looked at that wait, for their peers or for their time, while there are
 * any: ms.  What is found is found within 200 ms then, late timers and a busy loop included.
 */
#define CROWD_WATCH 100

struct crowd {
	struct loop *loop;
	/* The control thread's: takes there each that has ended: conn_from_letter(). */
	void (*closed)(void *control, struct letter *letter);
	struct caretaker caretaker; /* sweep.h */
	bool draining;              /* silent connections are finished */
	bool draining_tied;         /* those of them are that cannot travel */

	/* The limits, of which the control thread writes its share at any time; 0: none. */
	struct {
		_Atomic int64_t idle, write, lifetime, bandwidth, handshake;
		_Atomic size_t stalled, handshakes;
		_Atomic uint64_t blocked_memory;
	} limits;

	struct conn_list lists[CONN_STATE_COUNT];
	size_t stalled;       /* connections that are blocked and took nothing lately */
	size_t shaking;       /* connections whose handshake is under way */
	int64_t ages_looked;  /* clock_ms() when connections last were, for limits.lifetime */
	struct event *pacer;   /* NULL until a connection is paced; pending while one is */
	struct event *watcher; /* looks at those who wait, by sweep.h; NULL: nobody does */

	/* Connections of which bytes wait, and those bytes. */
	counter blocked, blocked_bytes;

	uint64_t memory_held;  /* bytes, for blocked and busy ones at `memory_looked` */
	int64_t memory_looked; /* clock_ms() */
	uint64_t memory_room;  /* bytes by which buffers may still grow until it is looked again */
	size_t own_memory;     /* bytes of this process: for what waits, and for TLS, about */
	size_t own_most;       /* the most of it since the C library last gave memory back */
	int64_t gave_back;     /* clock_ms() when that was */

	struct secure_room *secure; /* NULL until one speaks TLS */

	struct walk *walk; /* the one that is under way; NULL: none is */
	bool walked;       /* what its connections have as `seen` once a walk has seen them */
};

/*
 * Returns a crowd of nobody, or NULL.  `closed` is called in the control thread.  crowd_free()
 * frees it before its loop, once it is nobody again.
 */
struct crowd *crowd_new(struct loop *loop, void (*closed)(void *control, struct letter *letter));
void crowd_free(struct crowd *crowd);

/* From the control thread, at any time: takes over the limits, which `crowds` of them share. */
void crowd_set_limits(struct crowd *crowd, const struct crowd_limits *limits, size_t crowds);

/* Counts `size` bytes of this process that connections take, and have freed. */
void crowd_take_memory(struct crowd *crowd, size_t size);
void crowd_drop_memory(struct crowd *crowd, size_t size);

/*
 * Has the watcher look soon, where it is not about to: a connection waits for its peer, or for
 * its time, and no event may tell when its peer is gone.
 */
void crowd_watch(struct crowd *crowd);

#endif
