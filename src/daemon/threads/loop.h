/*
 * What the connections and datagram sockets of one worker share.  One thread
 * owns all of it: the worker's, once that runs.
 */
#ifndef DAEMON_THREADS_LOOP_H
#define DAEMON_THREADS_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "daemon/config/config.h"
#include "daemon/threads/inbox.h"

struct conn;
struct event;
struct event_base;

TAILQ_HEAD(conn_list, conn);

/* What a connection waits for.  Each state has a list, the longest silent first. */
enum conn_state {
	CONN_READING,   /* for bytes; none of its own wait */
	CONN_PACED,     /* for limits.bandwidth_per_connection to let it read on */
	CONN_BLOCKED,   /* for its peer: bytes wait in the bufferevent; nothing is read */
	CONN_FLUSHING,  /* the same, and our side is shut down once they are sent */
	CONN_LINGERING, /* our side is shut down: for the peer's, reading nothing back */
	CONN_CLOSING,   /* both sides are: for the peer to take what the kernel holds */
	CONN_STATE_COUNT,
};

/* The limits of connections: the control thread writes them, at any time; 0: none. */
struct loop_limits {
	_Atomic int64_t idle, write, lifetime; /* milliseconds */
	_Atomic int64_t bandwidth;             /* bytes per second, of each connection */
	_Atomic size_t stalled;                /* connections of this worker */
	_Atomic uint64_t blocked_memory;       /* bytes, of this worker's connections together */
};

/*
 * The order in which a loop serves what is ready at once: connections that send much wait
 * for all else, so that a flood of bytes does not delay an answer.  libevent gives an event
 * the middle one.
 */
enum loop_priority {
	LOOP_PRIORITY_FIRST, /* libevent's own */
	LOOP_PRIORITY_OTHERS,
	LOOP_PRIORITY_BULK,
	LOOP_PRIORITIES,
};

/* What one recv(2) takes at most; a datagram of 65,507 bytes fits. */
#define SCRATCH_SIZE 65536

/*
 * How often the watcher looks: ms.  What it finds is found within 200 ms then, late timers and
 * a busy loop included.
 */
#define LOOP_WATCH 100

/* The way home to the control thread, for what a worker has closed. */
struct loop_reports {
	struct inbox *inbox;
	void (*conn_closed)(void *control, struct letter *letter);
	void (*socket_closed)(void *control, struct letter *letter);
};

struct loop {
	struct event_base *base;
	bool edge_triggered;
	bool draining; /* silent connections are finished */
	struct loop_limits limits;

	struct conn_list lists[CONN_STATE_COUNT];
	int64_t bulk_served;   /* loop_now() when a connection that sends much last had its turn */
	uint64_t memory_held;  /* bytes, for blocked ones at `memory_looked` */
	int64_t memory_looked; /* loop_now() */
	uint64_t memory_room;  /* bytes by which buffers may still grow until it is looked again */
	size_t waiting_memory; /* bytes of this process for what waits */
	size_t waiting_most;   /* the most of it since the C library last gave memory back */
	int64_t ages_looked;   /* loop_now() when connections last were, for limits.lifetime */
	size_t stalled;      /* connections that are blocked and took nothing lately */
	struct event *pacer; /* NULL until a connection is paced; pending while one is */
	/* Its owner's, which looks at those who wait, by sweep_watch(); NULL: nobody does. */
	struct event *watcher;

	struct loop_reports reports;
	unsigned char scratch[SCRATCH_SIZE];
};

/*
 * Makes an event_base of the method that `config` asks for, without locks and
 * deaf to libevent's environment variables.  Returns NULL where there is none.
 */
struct event_base *loop_base_new(const struct config *config);

/*
 * Runs `base` until event_base_loopbreak().  A wait that fails, as poll(2) does where
 * the kernel lacks memory, is told in the log and tried again.
 */
void loop_run(struct event_base *base);

/*
 * Returns a loop without connections, or NULL; loop_free() frees it, once it has
 * none again.
 */
struct loop *loop_new(const struct config *config, size_t workers,
    const struct loop_reports *reports);
void loop_free(struct loop *loop);

/*
 * From the control thread, at any time: takes over the limits of connections.  There are
 * `workers` loops, which share those on all connections together.
 */
void loop_set_limits(struct loop *loop, const struct config *config, size_t workers);

/*
 * From the callback of `event`, for its next turns: whoever asked for little is served before
 * those who sent much.  Where those have waited for 50 ms, it queues behind them once.
 */
void loop_prioritize(struct loop *loop, struct event *event, bool sent_much);

/* CLOCK_MONOTONIC in milliseconds, at the resolution of the kernel's tick. */
int64_t loop_now(void);

/*
 * Has the watcher look soon, where it is not about to: a connection waits for its peer, or for
 * its time, and no event may tell when its peer is gone.
 */
void loop_watch(struct loop *loop);

/* Has `timer` fire in `ms` milliseconds, once.  Returns 0, or -1 with errno. */
int loop_set_timer(struct event *timer, int64_t ms);

#endif
