/* What one listener's peers amounted to: see ledger.h. */
#include "daemon/account/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A reason to refuse connections to a listener is told once in this time: ms. */
#define TELL_EVERY 10000

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
		ledger_release(ledger);
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
ledger_release(struct ledger *ledger)
{
	if (ledger == NULL || --ledger->holders > 0)
		return;
	free(ledger->branches);
	free(ledger->name);
	free(ledger);
}

bool
refusal_is_told(struct refusal_note *note, int64_t now, uint64_t *untold)
{
	if (note->told && now - note->last < TELL_EVERY) {
		note->untold++;
		return false;
	}
	*untold = note->untold;
	*note = (struct refusal_note){ .told = true, .last = now };
	return true;
}

size_t
ledger_worker(const struct branch *branch)
{
	return (size_t)(branch - branch->ledger->branches);
}

static uint64_t
sum(const struct ledger *ledger, size_t offset)
{
	uint64_t total = 0;

	for (size_t i = 0; i < ledger->worker_count; i++)
		total += counter_read(
		    (const counter *)((const char *)&ledger->branches[i] + offset));
	return total;
}

uint64_t
ledger_received_bytes(const struct ledger *ledger)
{
	return sum(ledger, offsetof(struct branch, received_bytes));
}

uint64_t
ledger_sent_bytes(const struct ledger *ledger)
{
	return sum(ledger, offsetof(struct branch, sent_bytes));
}
