/* What the last minute amounted to: see summary.h. */
#include "daemon/observe/summary.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/threads/inbox.h"

struct summary {
	struct census *census;
	struct loop *loop;

	/* The worker's, until its loop has ended. */
	struct caretaker caretaker;
	int64_t begun; /* clock_ms() when the time began that was not told yet */
	int64_t next;  /* clock_ms() when it is looked again */
	uint64_t moves; /* census_moves() when it was last looked */

	/* Between them. */
	struct letter letter;
	_Atomic bool is_away; /* the control thread has the letter */
	int64_t seconds;      /* that the letter is about */

	/* The control thread's. */
	struct summary_totals told;
};

/* --- the line ------------------------------------------------------------------------ */

/* In the order of the line; `name` has the reason behind it, where there are some. */
static const struct field {
	enum ledger_row_id row;
	const char *name;
} fields[] = {
	{ ROW_OPEN, "open" },
	{ ROW_ACCEPTED, "opened" },
	{ ROW_CLOSED, "closed" },
	{ ROW_REFUSED, "refused" },
	{ ROW_HEADERS, "headers" },
	{ ROW_HANDSHAKES, "handshakes" },
	{ ROW_TLS_FAULTS, "faults" },
	{ ROW_DATAGRAMS_SENT, "answered" },
	{ ROW_DATAGRAMS_DROPPED, "dropped" },
	{ ROW_KERNEL_DROPPED, "kernel_dropped" },
	{ ROW_RECEIVED_BYTES, "received" },
	{ ROW_SENT_BYTES, "sent" },
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

_Static_assert((int)CLOSE_REASON_COUNT <= SUMMARY_REASONS, "each reason has its place");
_Static_assert((int)REFUSE_REASON_COUNT <= SUMMARY_REASONS, "each reason has its place");
_Static_assert((int)TLS_FAULT_COUNT <= SUMMARY_REASONS, "each reason has its place");
_Static_assert((int)DROP_REASON_COUNT <= SUMMARY_REASONS, "each reason has its place");

/* The line as far as it is written: a field that has no room is left out whole. */
struct line {
	char *text;
	size_t used;
};

static void __attribute__((format(printf, 2, 3)))
append(struct line *line, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line->text + line->used, SUMMARY_SIZE - line->used, format, args);
	va_end(args);
	if (n > 0 && (size_t)n < SUMMARY_SIZE - line->used)
		line->used += (size_t)n;
	else
		line->text[line->used] = '\0';
}

/* Returns true where there is more of it than there was. */
static bool
append_field(struct line *line, const struct field *field, const struct summary_totals *now,
    const struct summary_totals *before)
{
	const struct family *family = &ledger_rows[field->row].family;
	const bool is_gauge = family->type == FAMILY_GAUGE;
	bool found = false;

	for (size_t i = 0; i < family->count; i++) {
		const unsigned long long number = now->numbers[field->row][i] -
		    (is_gauge ? 0 : before->numbers[field->row][i]);

		if (number == 0)
			continue;
		found = !is_gauge;
		if (family->label != NULL)
			append(line, " %s_%s=%llu", field->name, family->values[i], number);
		else
			append(line, " %s=%llu", field->name, number);
	}
	return found;
}

bool
summary_format(const struct summary_totals *now, const struct summary_totals *before,
    int64_t seconds, char text[SUMMARY_SIZE])
{
	const int begun = snprintf(text, SUMMARY_SIZE, "seconds=%lld", (long long)seconds);
	struct line line = { text, (size_t)begun };
	bool found = false;

	for (size_t i = 0; i < FIELDS; i++)
		found = append_field(&line, &fields[i], now, before) || found;
	return found;
}

void
summary_count(const struct census *census, struct summary_totals *totals)
{
	for (int id = 0; id < LEDGER_ROW_COUNT; id++)
		for (size_t i = 0; i < ledger_rows[id].family.count; i++)
			totals->numbers[id][i] = census_read(census, id, i);
}

static void
tell(struct summary *summary, int64_t seconds)
{
	struct summary_totals now;
	char text[SUMMARY_SIZE];

	census_look(summary->census);
	summary_count(summary->census, &now);
	if (summary_format(&now, &summary->told, seconds, text))
		log_numbers(LOG_NOTICE, "summary", text);
	summary->told = now;
}

/* --- when there is something to tell ----------------------------------------------------- */

static int64_t
seconds_between(int64_t begun, int64_t now)
{
	return (now - begun + 500) / 1000;
}

static void
on_letter(void *control, struct letter *letter)
{
	struct summary *summary =
	    (struct summary *)(void *)((char *)letter - offsetof(struct summary, letter));

	(void)control;
	tell(summary, summary->seconds);
	atomic_store_explicit(&summary->is_away, false, memory_order_release);
}

/* Where the control thread has not told of the last minute yet, this one is told with the next. */
static void
look(struct summary *summary, int64_t now)
{
	const uint64_t moves = census_moves(summary->census);

	if (moves != summary->moves) {
		if (atomic_load_explicit(&summary->is_away, memory_order_acquire))
			return;
		summary->seconds = seconds_between(summary->begun, now);
		atomic_store_explicit(&summary->is_away, true, memory_order_relaxed);
		inbox_post(summary->loop->home, &summary->letter, on_letter);
	}
	summary->moves = moves;
	summary->begun = now;
}

static struct summary *
summary_of(struct caretaker *caretaker)
{
	return (struct summary *)(void *)((char *)caretaker - offsetof(struct summary, caretaker));
}

static int64_t
on_beat(struct caretaker *caretaker, int64_t now, int64_t most)
{
	struct summary *summary = summary_of(caretaker);

	if (now >= summary->next) {
		summary->next = now + SUMMARY_PERIOD;
		look(summary, now);
	}
	return most;
}

/* The last one is not the worker's to tell. */
static void
on_drain(struct caretaker *caretaker, enum drain_step step)
{
	(void)caretaker;
	(void)step;
}

/* --- life ---------------------------------------------------------------------------------- */

struct summary *
summary_new(struct census *census, struct loop *loop)
{
	struct summary *summary = calloc(1, sizeof(*summary));

	if (summary == NULL)
		return NULL;
	summary->census = census;
	summary->loop = loop;
	summary->begun = clock_ms();
	summary->next = summary->begun + SUMMARY_PERIOD;
	summary->caretaker = (struct caretaker){ .beat = on_beat, .drain = on_drain };
	loop_add_caretaker(loop, &summary->caretaker);
	return summary;
}

void
summary_free(struct summary *summary)
{
	free(summary);
}

void
summary_skip(struct summary *summary)
{
	summary_count(summary->census, &summary->told);
}

void
summary_settle(struct summary *summary)
{
	if (summary != NULL)
		tell(summary, seconds_between(summary->begun, clock_ms()));
}
