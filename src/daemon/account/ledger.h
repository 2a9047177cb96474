/*
 * What one listener's peers amounted to.  It outlives the listener until the last
 * of its connections has been closed, so that each of them is settled.
 */
#ifndef DAEMON_ACCOUNT_LEDGER_H
#define DAEMON_ACCOUNT_LEDGER_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>

#include "daemon/account/counters.h"

struct ledger;
struct crowd;

/* What one worker moved for one listener; on a cache line of its own. */
struct branch {
	alignas(64) struct ledger *ledger;
	struct crowd *crowd; /* of its connections at that worker; NULL: it has none */
	counter received_bytes;
	counter sent_bytes;
};

/* How a reason to refuse connections is told in the log: not for each of them. */
struct refusal_note {
	bool told;           /* once at least */
	int64_t last;        /* when: loop_now() */
	uint64_t untold;     /* since then */
};

struct ledger {
	char *name; /* the listener's; never changes */
	unsigned holders;
	size_t worker_count;

	/* The control thread's alone. */
	uint64_t accepted;
	uint64_t open;
	uint64_t refused[REFUSE_REASON_COUNT];
	struct refusal_note notes[REFUSE_REASON_COUNT];

	struct branch *branches; /* one for each worker */
};

/* Returns a ledger with one holder, or NULL with errno. */
struct ledger *ledger_new(const char *name, size_t worker_count);

/* The control thread's alone; the last release frees it. */
void ledger_hold(struct ledger *ledger);
void ledger_release(struct ledger *ledger);

/*
 * Whether a refusal at `now` (loop_now()) is told: one in 10 s.  Then sets *untold to how
 * many before it were not.
 */
bool refusal_is_told(struct refusal_note *note, int64_t now, uint64_t *untold);

/* Which worker's cell this is. */
size_t ledger_worker(const struct branch *branch);

uint64_t ledger_received_bytes(const struct ledger *ledger);
uint64_t ledger_sent_bytes(const struct ledger *ledger);

#endif
