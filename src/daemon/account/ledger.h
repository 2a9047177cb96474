/*
 * What the peers of all listeners of one name amounted to.  It outlives the listener until the
 * last of its connections has been closed, so that each of them is settled; a listener that comes
 * under this name meanwhile goes on with it.  See census.h for what becomes of it then.
 */
#ifndef DAEMON_ACCOUNT_LEDGER_H
#define DAEMON_ACCOUNT_LEDGER_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "base/log_limit.h"
#include "daemon/account/counters.h"
#include "daemon/account/recent.h"
#include "daemon/account/untold.h"
#include "net/address.h"

struct census;
struct ledger;
struct crowd;

#define COUNTER_FIELD(id, field, ...) counter field;
#define COUNTER_FIELDS(id, field, label, values, count, ...) counter field[count];
#define HISTOGRAM_FIELD(id, field, scale, cells, ...) counter field[cells];

/* What one worker moved for one listener; on a cache line of its own. */
struct branch {
	alignas(64) struct ledger *ledger;
	struct crowd *crowd; /* of its connections at that worker; NULL: it had none so far */
	BRANCH_ROWS(COUNTER_FIELD, COUNTER_FIELDS, HISTOGRAM_FIELD)
};

struct ledger {
	char *name; /* the listener's; never changes */
	unsigned holders;
	size_t worker_count;

	/* Whom the last release tells instead of freeing it; NULL: nobody. */
	void (*unheld)(struct census *census, struct ledger *ledger);
	/* Whom it tells that the log will have a line at `due` (clock_ms()); NULL: nobody. */
	void (*expect)(struct census *census, int64_t due);
	struct census *census;

	/* The control thread's alone. */
	unsigned carries; /* enum carried, of all listeners that have served under the name */
	LEDGER_ROWS(COUNTER_FIELD, COUNTER_FIELDS, HISTOGRAM_FIELD)
	/* By the log. */
	struct untold refusals[REFUSE_REASON_COUNT];
	struct untold drops[DROP_REASON_COUNT];
	struct untold faults[TLS_FAULT_COUNT];
	struct log_limit crowded; /* of connections that wait for room */
	/* Whose connections were opened and refused, and datagrams dropped, lately. */
	struct recent opened, turned_away, dropped;

	struct branch *branches; /* one for each worker */

	/* The census's. */
	TAILQ_ENTRY(ledger) neighbours;
	uint64_t gone; /* among those without a holder the oldest has the least; 0: it has one */
};

#define ROW_ID(id, ...) ROW_##id,
enum ledger_row_id {
	LEDGER_ROWS(ROW_ID, ROW_ID, ROW_ID)
	BRANCH_ROWS(ROW_ID, ROW_ID, ROW_ID)
	LEDGER_ROW_COUNT
};

/* A family of which each ledger has `family.count` numbers. */
struct ledger_row {
	struct family family; /* by reason, besides by listener */
	unsigned carried;     /* enum carried: the ledgers that have it */
	bool is_workers;      /* in each branch, not in the ledger */
	size_t offset;        /* of the first number there */
};

extern const struct ledger_row ledger_rows[LEDGER_ROW_COUNT];

/* Returns a ledger with one holder, or NULL with errno. */
struct ledger *ledger_new(const char *name, size_t worker_count);

/* Whatever is still held: ledger_release() is for holders. */
void ledger_free(struct ledger *ledger);

/* The control thread's alone; the last release frees it, or leaves it to its census. */
void ledger_hold(struct ledger *ledger);
void ledger_release(struct ledger *ledger);

/* Counts a connection of `peer` that is opened at `now` (clock_ms()). */
void ledger_accept(struct ledger *ledger, const struct address *peer, int64_t now);

/*
 * Counts a connection that is refused at `now` (clock_ms()); NULL: `peer` is not known.  Returns
 * true where the log has a line for it now, which is the caller's to write; otherwise one will
 * tell of it, with others.
 */
bool ledger_refuse(struct ledger *ledger, enum refuse_reason reason, const struct address *peer,
    int64_t now);

/* The same of a connection whose TLS failed, which a worker has counted. */
bool ledger_blame(struct ledger *ledger, enum tls_fault fault, const struct address *peer,
    int64_t now);

/*
 * Datagrams were dropped by `now` (clock_ms()), which a worker has counted: a line of the log will
 * tell of them.
 */
void ledger_drop(struct ledger *ledger, const struct vote votes[DROP_REASON_COUNT], int64_t now);

/* Which worker's cell this is. */
size_t ledger_worker(const struct branch *branch);

/*
 * One number, of all workers together: `index` is a reason, or a histogram's cell, or 0 where the
 * row has neither.
 */
uint64_t ledger_read(const struct ledger *ledger, enum ledger_row_id id, size_t index);

/* The same of all reasons together; not of a histogram. */
uint64_t ledger_total(const struct ledger *ledger, enum ledger_row_id id);

/*
 * Adds `number` to that of a counter which is so called (family_value()), before any worker counts
 * there.  Returns false where there is none.
 */
bool ledger_adopt(struct ledger *to, const char *family, const char *value, uint64_t number);

/* Adds all numbers of `from`, and what is untold of it, to `to`, which no worker writes. */
void ledger_add(struct ledger *to, const struct ledger *from);

#endif
