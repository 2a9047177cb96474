/*
 * A worker: a thread with a loop of its own, which owns the connections and
 * datagram sockets that the control thread gives it.
 *
 * All functions are the control thread's to call.  Orders go through the worker's
 * inbox, so they are carried out in the order in which they were given.
 */
#ifndef DAEMON_THREADS_WORKER_H
#define DAEMON_THREADS_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/datagram/socket.h"
#include "daemon/stream/conn.h"
#include "daemon/threads/loop.h"

struct worker;

/*
 * Makes a worker whose thread does not run yet: worker_start() starts it.  Returns
 * NULL with errno.  There are `workers` of them; `reports` is where closed connections and
 * sockets go.
 */
struct worker *worker_new(const struct config *config, size_t workers,
    const struct loop_reports *reports);

/* Frees a worker that was never started and given no orders, or has been joined. */
void worker_free(struct worker *worker);

/* Starts the thread, called `name`, with every signal blocked.  Returns 0, or -1 with errno. */
int worker_start(struct worker *worker, const char *name);

/*
 * The room for a batch of datagrams that the worker's sockets share: made when it is
 * first asked for, and freed with the worker.  Returns NULL with errno.
 */
struct batch *worker_batch(struct worker *worker);

/* Gives a connection or a datagram socket away: the worker's from here on. */
void worker_take_conn(struct worker *worker, struct conn *conn);
void worker_take_socket(struct worker *worker, struct datagram_socket *socket);

/* Calls a datagram socket back: it comes home by `reports`. */
void worker_return_socket(struct worker *worker, struct datagram_socket *socket);

/* Takes over the limits of connections, within a second. */
void worker_set_limits(struct worker *worker, const struct config *config, size_t workers);

/*
 * The three steps of a drain, each given at most once: connections that fall
 * silent are finished; then all are; then all are aborted and the thread ends.
 * worker_stop() is the last order of all.
 */
void worker_drain(struct worker *worker);
void worker_finish(struct worker *worker);
void worker_stop(struct worker *worker);

/* Waits for the thread to end, after worker_stop(). */
void worker_join(struct worker *worker);

/* True when at `now` (loop_now()) its heart has not beaten for 3 s. */
bool worker_hangs(const struct worker *worker, int64_t now);

/*
 * Whether it is to be given more at `now`: false for a worker that hangs, or that has not
 * taken what was given to it for 0.2 s.
 */
bool worker_is_fresh(struct worker *worker, int64_t now);

/* "epoll", "poll" or "select": what libevent really uses. */
const char *worker_event_method(const struct worker *worker);

#endif
