/*
 * What the connections and datagram sockets of one worker share.  One thread
 * owns all of it: the worker's, once that runs.
 */
#ifndef DAEMON_LOOP_H
#define DAEMON_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "daemon/config.h"
#include "daemon/counters.h"
#include "daemon/inbox.h"

struct conn;
struct event_base;

TAILQ_HEAD(conn_list, conn);

/* What one recv(2) takes at most; a datagram of 65,507 bytes fits. */
#define SCRATCH_SIZE 65536

/* The way home to the control thread, for what a worker has closed. */
struct loop_reports {
	struct inbox *inbox;
	void (*conn_closed)(void *control, struct message *message);
	void (*udp_closed)(void *control, struct message *message);
};

struct loop {
	struct event_base *base;
	bool edge_triggered;
	bool draining; /* silent connections are finished */
	_Atomic int64_t idle_timeout; /* milliseconds, 0: none; the control thread writes it */

	struct conn_list active;    /* by their last activity, the longest silent first */
	struct conn_list lingering; /* by the time at which their wait for the peer began */

	struct loop_reports reports;

	struct datagram_counters datagrams;
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
struct loop *loop_new(const struct config *config, const struct loop_reports *reports);
void loop_free(struct loop *loop);

/* From the control thread, at any time: takes over the limits of connections. */
void loop_set_limits(struct loop *loop, const struct config *config);

/* CLOCK_MONOTONIC in milliseconds, at the resolution of the kernel's tick. */
int64_t loop_now(void);

#endif
