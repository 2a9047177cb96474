/*
 * The census: all that echod counts, of which each reader renders what it needs.
 *
 * What listeners' peers amounted to goes by the listener's name: ledgers are made here.  One that
 * returns, or comes to another address, goes on where it stopped, and those that are gone are still
 * counted: of CENSUS_NAMES of them under their own names, and of the ones that went before together
 * under CENSUS_GONE.  So no sum of a counter ever goes back but by a restart.
 * Whatever else there is to count, its room registers.
 *
 * The control thread's alone, but for census_moves().  Workers write the branches of ledgers
 * without a lock meanwhile.
 */
#ifndef DAEMON_ACCOUNT_CENSUS_H
#define DAEMON_ACCOUNT_CENSUS_H

#include "daemon/account/ledger.h"

/* How many names that nobody has any more are remembered. */
#define CENSUS_NAMES 256

/* What is counted under no name of its own any more; no listener can be called that. */
#define CENSUS_GONE "(gone)"

struct census;

/*
 * Returns a census that has counted nothing, for so many workers, or NULL with errno.
 * census_free() frees it with all its ledgers, which nobody holds any more.
 */
struct census *census_new(size_t worker_count);
void census_free(struct census *census);

/*
 * The ledger of `name`, held for the caller, who calls ledger_release(): the one that there is,
 * or a new one.  A new one in which no listener has served is forgotten with its last holder.
 * Returns NULL with errno.
 */
struct ledger *census_open(struct census *census, const char *name);

/* What a room says where there is no number, which then is left out. */
#define CENSUS_NONE UINT64_MAX

/*
 * A row of what a room has to tell: `read` gives the number of the family at `index`, of a
 * histogram that of a cell.
 */
struct census_row {
	struct family family;
	uint64_t (*read)(const void *of, size_t index);
	/* The label's value at `index`, where it is the room's to say; NULL: there are no more. */
	const char *(*value)(const void *of, size_t index);
	/* A counter that begins anew in a successor. */
	bool is_of_process;
};

/* Rows and whom they are about, the room's own. */
struct census_room {
	const struct census_row *rows;
	size_t count;
	void *of;
	void (*look)(void *of); /* before anything is counted, ledgers too; NULL: need not */
	STAILQ_ENTRY(census_room) neighbours;
};

/* From here on they are counted too, before the listeners; `room` outlives the census. */
void census_register(struct census *census, struct census_room *room);

/* One number. */
struct census_entry {
	const struct family *family;
	const char *suffix;   /* of its name: "", or of a histogram "_bucket", "_sum" or "_count" */
	const char *listener; /* whose it is, or NULL */
	const char *label;    /* the family's, or a bucket's "le"; NULL: none */
	const char *value;    /* of the label */
	uint64_t number;      /* of a bucket: those before it among them */
	unsigned decimals;    /* as those of a family */
};

/* Has the rooms look: who reads ledgers alone does this before. */
void census_look(const struct census *census);

/*
 * Calls `visit` for each, always in the same order, those of a family one after the other; of a
 * name that nobody has any more, for those that are not 0.
 */
void census_each(const struct census *census,
    void (*visit)(void *arg, const struct census_entry *entry), void *arg);

/*
 * Whom to tell that what a ledger has untold is due at `due` (clock_ms()); before, nobody is told.
 */
void census_set_teller(struct census *census, void (*expect)(void *arg, int64_t due), void *arg);

/* Calls `visit` for the ledger of each name that is remembered, and for what was folded. */
void census_each_ledger(const struct census *census,
    void (*visit)(void *arg, struct ledger *ledger), void *arg);

/* One number of all listeners that there ever were: `index` is a reason, or 0. */
uint64_t census_read(const struct census *census, enum ledger_row_id id, size_t index);

/* The same of all reasons together. */
uint64_t census_total(const struct census *census, enum ledger_row_id id);

/* --- from one process to another ------------------------------------------------------- */

/* Who packs it.  All return 0, or -1 with errno. */
struct census_packer {
	/* One number of a counter: of a room's, and then, after its ledger, of that. */
	int (*number)(void *arg, const char *family, const char *value, uint64_t number);
	int (*ledger)(void *arg, const struct ledger *ledger);
	void *arg;
};

/*
 * Has all counters packed, but for those that are 0, and those that are about this process alone:
 * gauges are what they are.  Has the rooms look before.
 */
int census_pack(const struct census *census, const struct census_packer *packer);

/*
 * The counter of a room begins with `number`, which another process had.  Returns false without
 * memory.
 */
bool census_adopt(struct census *census, const char *family, const char *value, uint64_t number);

/*
 * As census_open(), for a ledger that another process had, of listeners that carried that; that of
 * CENSUS_GONE is what was folded.  Its numbers are added by ledger_adopt().  Where nobody else
 * holds it, the caller's release makes it one that is gone: the longest gone comes first.
 */
struct ledger *census_adopt_ledger(struct census *census, const char *name, unsigned carries);

/*
 * From any thread: a number that is another one as soon as anything was counted for any listener,
 * or moved for its peers.
 */
uint64_t census_moves(struct census *census);

#endif
