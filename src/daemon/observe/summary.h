/*
 * What the last minute amounted to, in a line of the log: with it level notice is one to run at.
 *
 * A minute in which nothing was counted has none, and wakes nobody: a worker, whose heart beats
 * anyway, looks whether there is something to tell before the control thread is asked to.
 */
#ifndef DAEMON_OBSERVE_SUMMARY_H
#define DAEMON_OBSERVE_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/account/census.h"
#include "daemon/threads/loop.h"

/* How often there is one: ms. */
#define SUMMARY_PERIOD 60000

/* A line of the log. */
#define SUMMARY_SIZE 1024

/* The most reasons that a row of a ledger has. */
#define SUMMARY_REASONS 32

/* All that a census counts for listeners at one moment, of all of them together. */
struct summary_totals {
	uint64_t numbers[LEDGER_ROW_COUNT][SUMMARY_REASONS];
};

struct summary;

/*
 * Before `loop` runs, whose thread looks: a summary of `census`, which outlives it, written by the
 * thread of the loop's home.  Returns NULL where memory ran out; summary_free() frees it, after
 * the loop has ended.
 */
struct summary *summary_new(struct census *census, struct loop *loop);
void summary_free(struct summary *summary);

/* The last one, after the loop has ended; NULL: there is none. */
void summary_settle(struct summary *summary);

/* What has been counted so far was told by another process, or will be. */
void summary_skip(struct summary *summary);

void summary_count(const struct census *census, struct summary_totals *totals);

/*
 * Writes what `now` has more than `before`, which is `seconds` older, to `text`: "seconds=60
 * opened=3 closed_peer=2", what is not 0 alone.  Returns false where it has no more of anything.
 */
bool summary_format(const struct summary_totals *now, const struct summary_totals *before,
    int64_t seconds, char text[SUMMARY_SIZE]);

#endif
