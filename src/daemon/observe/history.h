/*
 * What was, for whoever looks later: the sums of the census every 5 seconds, for an hour.
 */
#ifndef DAEMON_OBSERVE_HISTORY_H
#define DAEMON_OBSERVE_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/account/census.h"

#define HISTORY_EVERY 5000 /* ms */
#define HISTORY_SAMPLES 720

/* What is kept of each moment, as enum ledger_row_id: a gauge, then counters. */
#define HISTORY_ROWS(X)                   \
	X(OPEN, "open")                   \
	X(ACCEPTED, "accepted")           \
	X(REFUSED, "refused")             \
	X(SENT_BYTES, "sent_bytes")       \
	X(DATAGRAMS_SENT, "answered")     \
	X(DATAGRAMS_DROPPED, "dropped")

#define HISTORY_ENUM(id, name) HISTORY_##id,
enum history_row { HISTORY_ROWS(HISTORY_ENUM) HISTORY_ROW_COUNT };

extern const char *const history_row_names[HISTORY_ROW_COUNT];

struct sample {
	int64_t at; /* clock_ms() */
	uint64_t numbers[HISTORY_ROW_COUNT];
};

struct event_base;
struct history;

/* Begins now; `census` outlives it.  Returns NULL with errno. */
struct history *history_new(struct event_base *base, const struct census *census);
void history_free(struct history *history);

/*
 * For one that takes over another one's: forgets all; adds what was at `at` (clock_ms()), the oldest
 * first; and goes on from now.
 */
void history_clear(struct history *history);
void history_add(struct history *history, int64_t at, const uint64_t numbers[HISTORY_ROW_COUNT]);
void history_resume(struct history *history);

size_t history_count(const struct history *history);

/* The one that is `back` before the last, which is 0; there are history_count(). */
const struct sample *history_get(const struct history *history, size_t back);

#endif
