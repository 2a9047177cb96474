/* What was: see history.h. */
#include "daemon/observe/history.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/threads/loop.h"

#define HISTORY_NAME(id, name) name,
#define HISTORY_ROW_ID(id, name) ROW_##id,

const char *const history_row_names[] = { HISTORY_ROWS(HISTORY_NAME) };
static const enum ledger_row_id row_ids[] = { HISTORY_ROWS(HISTORY_ROW_ID) };

struct history {
	const struct census *census;
	struct event *timer;
	int64_t next; /* clock_ms() */
	size_t count, last; /* the last one's place */
	struct sample samples[HISTORY_SAMPLES];
};

void
history_clear(struct history *history)
{
	history->count = 0;
}

void
history_add(struct history *history, int64_t at, const uint64_t numbers[HISTORY_ROW_COUNT])
{
	struct sample *sample;

	history->last = (history->last + 1) % HISTORY_SAMPLES;
	if (history->count < HISTORY_SAMPLES)
		history->count++;
	sample = &history->samples[history->last];
	sample->at = at;
	memcpy(sample->numbers, numbers, sizeof(sample->numbers));
}

static void
take_sample(struct history *history)
{
	uint64_t numbers[HISTORY_ROW_COUNT];

	for (size_t i = 0; i < HISTORY_ROW_COUNT; i++)
		numbers[i] = census_total(history->census, row_ids[i]);
	history_add(history, clock_ms(), numbers);
}

/* Whoever was stopped meanwhile goes on with one, not with all that he missed. */
static void
arm(struct history *history)
{
	const int64_t now = clock_ms();

	history->next += HISTORY_EVERY;
	if (history->next <= now)
		history->next = now + HISTORY_EVERY;
	loop_set_timer(history->timer, history->next - now);
}

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	take_sample(arg);
	arm(arg);
}

/* The moments stay where they are: each is 5 seconds after the one before. */
void
history_resume(struct history *history)
{
	if (history->count > 0)
		history->next = history_get(history, 0)->at;
	else
		take_sample(history);
	arm(history);
}

struct history *
history_new(struct event_base *base, const struct census *census)
{
	struct history *history = calloc(1, sizeof(*history));

	if (history == NULL)
		return NULL;
	history->census = census;
	history->timer = evtimer_new(base, on_time, history);
	if (history->timer == NULL) {
		free(history);
		errno = ENOMEM;
		return NULL;
	}
	history->next = clock_ms();
	take_sample(history);
	arm(history);
	return history;
}

void
history_free(struct history *history)
{
	if (history == NULL)
		return;
	event_free(history->timer);
	free(history);
}

size_t
history_count(const struct history *history)
{
	return history->count;
}

const struct sample *
history_get(const struct history *history, size_t back)
{
	return &history->samples[(history->last + HISTORY_SAMPLES - back) % HISTORY_SAMPLES];
}
