/*
 * One stream connection: what is read goes back (RFC 862).
 *
 * A byte that need not wait is received into the loop's scratch buffer and sent
 * at once.  What the socket does not take waits in a bufferevent, and while it
 * waits nothing more is read: a connection never holds more than one scratch
 * buffer, whatever its peer does.
 *
 * The control thread makes a connection, gives it to a worker, and gets it back
 * closed; in between it is the worker's alone.
 */
#ifndef DAEMON_STREAM_CONN_H
#define DAEMON_STREAM_CONN_H

#include <stdbool.h>

#include "daemon/account/counters.h"
#include "daemon/account/ledger.h"
#include "daemon/stream/crowd.h"
#include "daemon/threads/worker.h"
#include "net/address.h"

struct tls_context;
struct tls_session;

/* By whom a connection came that did not come by itself. */
struct conn_via {
	struct address proxy;
	bool is_quiet; /* the proxy's own, as for a health check: the log has no line for it */
};

/* What few connections have besides. */
struct conn_extras {
	const struct conn_via *via; /* NULL: it came by itself */
	const char *greeting;       /* what it is sent first, at most UINT16_MAX bytes */
	size_t greeting_size;       /* 0: nothing */
	struct tls_context *tls;    /* it speaks TLS, by this, which is held; NULL: it does not */
};

/*
 * Takes over `fd`, a connected non-blocking socket.  `branch` is the cell of its
 * listener and its worker; `extras` are copied.  Returns NULL with errno, `fd` still the
 * caller's.
 * conn_free() frees it, before conn_open() or after conn_close() gave it back.
 * Both are the control thread's to call: they hold the ledger of `branch`.
 */
struct conn *conn_new(int fd, const struct address *peer, struct branch *branch,
    const struct conn_extras *extras);
void conn_free(struct conn *conn);

/* Whose letter it is, as it comes home. */
struct conn *conn_from_letter(struct letter *letter);

/* Gives it to `worker`, that of its branch, which opens it: the worker's from here on. */
void conn_post(struct conn *conn, struct worker *worker);

/* Sends its greeting and begins to echo, in its worker's thread. */
void conn_open(struct conn *conn);

/*
 * The one door out: logs `reason`, closes the socket and reports to the control
 * thread, which counts it and frees the connection.  *conn is gone for the caller.
 */
void conn_close(struct conn *conn, enum close_reason reason);

/*
 * Ends the connection without losing a byte that was read: what waits is sent,
 * our side is shut down, and it is closed with `reason` once the peer has shut
 * down its own.
 */
void conn_finish(struct conn *conn, enum close_reason reason);

/* Closes with a reset, so that the kernel keeps nothing for a peer that does not read. */
void conn_abort(struct conn *conn, enum close_reason reason);

/*
 * Ends one that speaks TLS for `fault`, which is counted: the peer is sent the alert that is on
 * the wire, if any, and time to read it, unless it is owed no word.
 */
void conn_blame(struct conn *conn, enum tls_fault fault);

/* True where it cannot travel to another process (packed.h): it speaks TLS. */
bool conn_is_tied(const struct conn *conn);

const struct address *conn_peer(const struct conn *conn);

/* By whom it came, or NULL. */
const struct conn_via *conn_via(const struct conn *conn);

enum conn_state conn_state(const struct conn *conn);
struct branch *conn_branch(const struct conn *conn);
/* Valid once it was closed. */
enum close_reason conn_reason(const struct conn *conn);
/* The same where that is CLOSE_TLS: what was wrong. */
enum tls_fault conn_tls_fault(const struct conn *conn);

/*
 * True where the peer has taken bytes since this was last asked, or since they began to
 * wait: by what the kernel holds (tcp(7), SIOCOUTQ), where echod itself sees none move.
 * The connection then counts as active now, and goes to the end of its list.
 */
bool conn_took_bytes(struct conn *conn);

/*
 * Closes the connection where its socket has failed: the peer has reset it, or is gone.  In
 * some states no event tells, and what the kernel holds then stands still for ever.  Returns
 * true when it did, *conn then gone for the caller.
 */
bool conn_end_if_failed(struct conn *conn);

/* True where the kernel holds nothing that the peer has not taken, unless the socket failed. */
bool conn_is_taken(const struct conn *conn);

/*
 * What is held for it: by the kernel for its socket, in both directions and overhead included,
 * and by this process for bytes that wait: bytes.
 */
size_t conn_memory(const struct conn *conn);

/* Counts it among its loop's stalled ones, until it moves or ends. */
void conn_mark_stalled(struct conn *conn);
bool conn_is_stalled(const struct conn *conn);

/* How long nothing has moved either way, as far as is known: ms. */
int64_t conn_silence(const struct conn *conn, int64_t now);

/* How long it has been open, and, while it is blocked, how long it has been so, to 16 s: ms. */
int64_t conn_age(const struct conn *conn, int64_t now);
int64_t conn_blocked_for(const struct conn *conn, int64_t now);

/* What may be told of it while it is open, beside its peer, and how it came. */
struct conn_facts {
	enum conn_state state;
	int64_t opened;          /* clock_ms() */
	uint64_t received, sent; /* bytes */
	size_t waiting;          /* bytes that the socket did not take */
	const struct tls_session *session; /* whose handshake is over, while it is open; NULL: none */
};

/* From its worker's thread. */
void conn_facts(const struct conn *conn, struct conn_facts *facts);

/* The one after it in its list, and the one before it, or NULL. */
struct conn *conn_next(const struct conn *conn);
struct conn *conn_before(const struct conn *conn);

#endif
