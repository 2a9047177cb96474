/*
 * The one door in for connections, and the books of who is inside.  The control
 * thread alone keeps them, so that admission needs no lock.
 */
#ifndef DAEMON_LISTEN_ADMISSION_H
#define DAEMON_LISTEN_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log_limit.h"
#include "daemon/access/acl.h"
#include "daemon/access/sources.h"
#include "daemon/account/ledger.h"
#include "daemon/stream/conn.h"
#include "daemon/threads/workers.h"
#include "net/address.h"
#include "net/greeting.h"
#include "net/proxy_header.h"

/* What a listener has for each of its connections. */
struct welcome {
	const char *greeting;    /* what it is sent first, to be filled in (greeting.h); "": nothing */
	struct tls_context *tls; /* NULL: it does not speak TLS */
};

struct admission {
	struct workers *workers;
	uint64_t wanted; /* limits.connections */
	uint64_t limit;  /* the same, or fewer where descriptors lack */
	struct acl *acl; /* held */
	struct sources *sources;
	uint64_t open; /* connections, those in their preamble among them */
	uint64_t tied; /* those of them that cannot travel to another process, nor what they become */
	/* Who we are, as greetings say it: as it was at the start, or the last reload. */
	char host[GREETING_NAME_MOST + 1];
	struct log_limit full; /* how often the log says that there is no room */
	/* Called with `owner` when there are fewer. */
	void (*left)(void *owner);
	void *owner;
};

/* False where a further connection has to wait in the backlog. */
bool admission_has_room(const struct admission *admission);

/*
 * A connection to the listener of `ledger` has to wait for room: tells the log who has most of
 * it, at a limited rate.
 */
void admission_tell_full(struct admission *admission, const struct ledger *ledger);

/*
 * Takes over `fd`, just accepted for the listener of `ledger`, and gives it as a
 * connection to a worker, which has `welcome` for it.  Where that fails, or
 * the peer is not to be served, closes it with a reset, counts the refusal and tells it in the
 * log at a limited rate.
 */
void admission_admit(struct admission *admission, struct ledger *ledger, int fd,
    const struct address *peer, const struct welcome *welcome);

/*
 * A connection from `proxy` begins its preamble: it is counted as open, and in the books of the
 * proxy.  Returns true, until one of the next two is called; or false, `fd` closed with a reset
 * and the refusal counted and told.
 */
bool admission_await(struct admission *admission, struct ledger *ledger, int fd,
    const struct address *proxy);

/* It has said whose it is: admits that connection, as admission_admit() does. */
void admission_admit_proxied(struct admission *admission, struct ledger *ledger, int fd,
    const struct address *proxy, const struct proxy_header *header,
    const struct welcome *welcome);

/*
 * It has not: closes it, counts the refusal and tells it, but for one that ended without a byte:
 * so do the health checks of balancers.
 */
void admission_dismiss(struct admission *admission, struct ledger *ledger, int fd,
    const struct address *proxy, enum refuse_reason reason);

/* Closes `fd` with a reset, counts the refusal and tells it in the log at a limited rate. */
void admission_refuse(struct ledger *ledger, enum refuse_reason reason, int fd,
    const struct address *peer);

/*
 * Counts a connection that was not admitted, and tells it in the log at a limited rate; NULL:
 * `peer` is not known.
 */
void admission_count_refusal(struct ledger *ledger, enum refuse_reason reason,
    const struct address *peer);

/* --- from one process to another ------------------------------------------------------- */

/*
 * Takes `conn`, which came by conn_unpack() and whose source has been adopted: it is open from here
 * on, whatever the limits are now, and its worker has it.
 */
void admission_adopt(struct admission *admission, struct conn *conn);

/*
 * It is another process's, and crowd_let_go() has taken it from its worker: settles its books, but
 * counts no end, and frees it.
 */
void admission_let_go(struct admission *admission, struct conn *conn);

/* The same two of a connection in its preamble. */
void admission_adopt_preamble(struct admission *admission, struct ledger *ledger);
void admission_let_go_preamble(struct admission *admission, struct ledger *ledger,
    const struct address *proxy);

/* Settles the books of a connection that came home closed, and frees it. */
void admission_settle(struct admission *admission, struct conn *conn);

#endif
