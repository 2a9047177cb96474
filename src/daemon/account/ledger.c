/* What one listener's peers amounted to: see ledger.h. */
#include "daemon/account/ledger.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static_assert(sizeof(counter) == sizeof(uint64_t), "a counter takes no lock");

#define ROW(id, field, carried, type, name, help)            \
	{ { name, help, type, NULL, NULL, 1, 0, NULL }, carried, IS_WORKERS, offsetof(OWNER, field) },
#define ROWS(id, field, label, values, count, carried, type, name, help) \
	{ { name, help, type, label, values, count, 0, NULL }, carried, IS_WORKERS, \
	    offsetof(OWNER, field) },
#define TIMES(id, field, scale, cells, carried, name, help) \
	{ { name, help, FAMILY_HISTOGRAM, NULL, NULL, cells, 0, &(scale) }, carried, IS_WORKERS, \
	    offsetof(OWNER, field) },

const struct ledger_row ledger_rows[] = {
#define OWNER struct ledger
#define IS_WORKERS false
	LEDGER_ROWS(ROW, ROWS, TIMES)
#undef OWNER
#undef IS_WORKERS
#define OWNER struct branch
#define IS_WORKERS true
	BRANCH_ROWS(ROW, ROWS, TIMES)
};

struct ledger *
ledger_new(const char *name, size_t worker_count)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));
	const size_t size = worker_count * sizeof(*ledger->branches);

	if (ledger == NULL)
		return NULL;
	ledger->holders = 1;
	ledger->worker_count = worker_count;
	ledger->name = strdup(name);
	ledger->branches = aligned_alloc(alignof(struct branch), size);
	if (ledger->name == NULL || ledger->branches == NULL) {
		ledger_free(ledger);
		errno = ENOMEM;
		return NULL;
	}
	memset(ledger->branches, 0, size);
	for (size_t i = 0; i < worker_count; i++)
		ledger->branches[i].ledger = ledger;
	return ledger;
}

void
ledger_hold(struct ledger *ledger)
{
	ledger->holders++;
}

void
ledger_free(struct ledger *ledger)
{
	if (ledger == NULL)
		return;
	free(ledger->branches);
	free(ledger->name);
	free(ledger);
}

void
ledger_release(struct ledger *ledger)
{
	if (ledger == NULL || --ledger->holders > 0)
		return;
	if (ledger->unheld != NULL)
		ledger->unheld(ledger->census, ledger);
	else
		ledger_free(ledger);
}

/* --- what the log has to tell --------------------------------------------------------- */

static void
expect(const struct ledger *ledger, const struct untold *untold)
{
	if (ledger->expect != NULL)
		ledger->expect(ledger->census, untold->next);
}

static void
add_untold(struct ledger *ledger, struct untold *untold, const struct vote *vote)
{
	if (vote->total == 0)
		return;
	vote_merge(&untold->vote, vote);
	expect(ledger, untold);
}

/* What happened with `peer` has a line now, or is for a later one. */
static bool
tells(struct ledger *ledger, struct untold *untold, const struct address *peer, int64_t now)
{
	if (peer != NULL && untold_allows(untold, now))
		return true;
	if (peer != NULL)
		vote_cast(&untold->vote, source_name(peer));
	else
		vote_abstain(&untold->vote);
	expect(ledger, untold);
	return false;
}

void
ledger_accept(struct ledger *ledger, const struct address *peer, int64_t now)
{
	counter_add(&ledger->accepted, 1);
	recent_cast(&ledger->opened, source_name(peer), now);
}

bool
ledger_refuse(struct ledger *ledger, enum refuse_reason reason, const struct address *peer,
    int64_t now)
{
	counter_add(&ledger->refused[reason], 1);
	if (peer != NULL)
		recent_cast(&ledger->turned_away, source_name(peer), now);
	return tells(ledger, &ledger->refusals[reason], peer, now);
}

bool
ledger_blame(struct ledger *ledger, enum tls_fault fault, const struct address *peer, int64_t now)
{
	return tells(ledger, &ledger->faults[fault], peer, now);
}

void
ledger_drop(struct ledger *ledger, const struct vote votes[DROP_REASON_COUNT], int64_t now)
{
	for (enum drop_reason reason = 0; reason < DROP_REASON_COUNT; reason++) {
		add_untold(ledger, &ledger->drops[reason], &votes[reason]);
		recent_add(&ledger->dropped, &votes[reason], now);
	}
}

size_t
ledger_worker(const struct branch *branch)
{
	return (size_t)(branch - branch->ledger->branches);
}

/* --- by rows ----------------------------------------------------------------------- */

/* `worker` is 0 where the row is not theirs. */
static const counter *
counter_at(const struct ledger *ledger, size_t worker, const struct ledger_row *row, size_t index)
{
	const char *of = row->is_workers ? (const char *)&ledger->branches[worker]
	    : (const char *)ledger;

	return (const counter *)(const void *)(of + row->offset) + index;
}

uint64_t
ledger_read(const struct ledger *ledger, enum ledger_row_id id, size_t index)
{
	const struct ledger_row *row = &ledger_rows[id];
	const size_t cells = row->is_workers ? ledger->worker_count : 1;
	uint64_t sum = 0;

	for (size_t i = 0; i < cells; i++)
		sum += counter_read(counter_at(ledger, i, row, index));
	return sum;
}

uint64_t
ledger_total(const struct ledger *ledger, enum ledger_row_id id)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < ledger_rows[id].family.count; i++)
		sum += ledger_read(ledger, id, i);
	return sum;
}

static void
add(struct ledger *to, const struct ledger_row *row, size_t index, uint64_t n)
{
	char *of = row->is_workers ? (char *)&to->branches[0] : (char *)to;

	counter_add((counter *)(void *)(of + row->offset) + index, n);
}

bool
ledger_adopt(struct ledger *to, const char *family, const char *value, uint64_t number)
{
	for (int id = 0; id < LEDGER_ROW_COUNT; id++) {
		const struct ledger_row *row = &ledger_rows[id];

		if (row->family.type == FAMILY_GAUGE || strcmp(row->family.name, family) != 0)
			continue;
		for (size_t i = 0; i < row->family.count; i++)
			if (strcmp(family_value(&row->family, i), value) == 0) {
				add(to, row, i, number);
				return true;
			}
	}
	return false;
}

void
ledger_add(struct ledger *to, const struct ledger *from)
{
	for (int id = 0; id < LEDGER_ROW_COUNT; id++)
		for (size_t i = 0; i < ledger_rows[id].family.count; i++)
			add(to, &ledger_rows[id], i, ledger_read(from, id, i));
	for (enum refuse_reason reason = 0; reason < REFUSE_REASON_COUNT; reason++)
		add_untold(to, &to->refusals[reason], &from->refusals[reason].vote);
	for (enum drop_reason reason = 0; reason < DROP_REASON_COUNT; reason++)
		add_untold(to, &to->drops[reason], &from->drops[reason].vote);
	for (enum tls_fault fault = 0; fault < TLS_FAULT_COUNT; fault++)
		add_untold(to, &to->faults[fault], &from->faults[fault].vote);
	to->carries |= from->carries;
}
