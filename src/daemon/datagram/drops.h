/*
 * The datagrams of a socket that get no answer, for the log: by reason how many, and the source
 * that had most of them.  The worker notes them as it drops them, and hands what it has noted to
 * the control thread, once in DROPS_REST at most; that has it told with what other sockets of the
 * listener dropped.  Counting them for the statistics is the socket's own.
 */
#ifndef DAEMON_DATAGRAM_DROPS_H
#define DAEMON_DATAGRAM_DROPS_H

#include <event2/event_struct.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "daemon/account/vote.h"
#include "daemon/account/ledger.h"
#include "daemon/threads/inbox.h"
#include "daemon/threads/loop.h"

/* How long a worker says nothing more to the control thread: ms. */
#define DROPS_REST 1000

/* Inside of the socket that they are about: its worker's from drops_open() to drops_close(). */
struct drops {
	struct ledger *ledger;
	struct loop *loop;
	struct vote votes[DROP_REASON_COUNT]; /* noted, and not handed over yet */
	bool noted;                           /* there are some */
	struct event rest;                    /* pending while nothing is handed over */
	struct letter letter;                 /* takes `report` to the control thread */
	struct vote report[DROP_REASON_COUNT];
	_Atomic bool is_away;                 /* the report is the control thread's */
};

/* In the thread of `loop`; `drops` is all zero but for its ledger. */
void drops_open(struct drops *drops, struct loop *loop);
void drops_close(struct drops *drops);

/*
 * The datagram `header`, of `size` bytes, gets no answer; NULL: none could be received.  Says so
 * at level debug.
 */
void drops_note(struct drops *drops, enum drop_reason reason, const struct msghdr *header,
    size_t size);

/* After some were noted, and counted: has them handed over in time. */
void drops_report(struct drops *drops);

/* In the control thread, once they are closed: has what was not handed over told, too. */
void drops_settle(struct drops *drops);

#endif
