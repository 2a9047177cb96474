/* A run second by second: see seconds.h. */
#include "client/bench/seconds.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A second that is not complete. */
struct pending {
	struct pending *next;
	uint64_t second;
	unsigned handed; /* by so many threads, or not to be: they have left */
	struct bench_tick sum;
};

struct bench_clock {
	pthread_mutex_t mutex;
	unsigned threads, left;
	struct pending *pending;
	struct bench_seconds seconds;
	struct bench_second sum;
};

static int64_t
greater(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void
add_row(struct bench_second *to, const struct bench_second *from)
{
	to->sent += from->sent;
	to->echoed += from->echoed;
	to->echoed_bytes += from->echoed_bytes;
	to->not_sent += from->not_sent;
	to->errors += from->errors;
	to->connections += from->connections;
	to->p50 = greater(to->p50, from->p50);
	to->p99 = greater(to->p99, from->p99);
	to->max = greater(to->max, from->max);
}

/* Returns a new row of that second at `at`, or NULL. */
static struct bench_second *
insert(struct bench_seconds *seconds, size_t at)
{
	if (seconds->count == seconds->room) {
		const size_t room = seconds->room == 0 ? 64 : seconds->room * 2;
		struct bench_second *rows = reallocarray(seconds->rows, room, sizeof(*rows));

		if (rows == NULL)
			return NULL;
		seconds->rows = rows;
		seconds->room = room;
	}
	memmove(&seconds->rows[at + 1], &seconds->rows[at],
	    (seconds->count - at) * sizeof(*seconds->rows));
	seconds->count++;
	return &seconds->rows[at];
}

bool
bench_seconds_add(struct bench_seconds *seconds, const struct bench_second *row)
{
	struct bench_second *to;
	size_t at = seconds->count;

	while (at > 0 && seconds->rows[at - 1].second > row->second)
		at--;
	if (at == 0 || seconds->rows[at - 1].second != row->second) {
		to = insert(seconds, at);
		if (to != NULL)
			*to = *row;
		return to != NULL;
	}
	add_row(&seconds->rows[at - 1], row);
	return true;
}

void
bench_seconds_free(struct bench_seconds *seconds)
{
	free(seconds->rows);
	*seconds = (struct bench_seconds){ 0, 0, NULL };
}

/* --- what threads hand in ------------------------------------------------------------- */

struct bench_clock *
bench_clock_new(unsigned threads)
{
	struct bench_clock *clock = calloc(1, sizeof(*clock));

	if (clock == NULL)
		return NULL;
	clock->threads = threads;
	pthread_mutex_init(&clock->mutex, NULL);
	return clock;
}

void
bench_clock_free(struct bench_clock *clock)
{
	struct pending *next;

	if (clock == NULL)
		return;
	for (; clock->pending != NULL; clock->pending = next) {
		next = clock->pending->next;
		free(clock->pending);
	}
	bench_seconds_free(&clock->seconds);
	pthread_mutex_destroy(&clock->mutex);
	free(clock);
}

/* Returns where that second is linked, or would be. */
static struct pending **
find(struct bench_clock *clock, uint64_t second)
{
	struct pending **at = &clock->pending;

	while (*at != NULL && (*at)->second < second)
		at = &(*at)->next;
	if (*at == NULL || (*at)->second != second) {
		struct pending *new = calloc(1, sizeof(*new));

		if (new == NULL)
			return NULL;
		new->second = second;
		new->handed = clock->left;
		new->next = *at;
		*at = new;
	}
	return at;
}

/* The second is complete, or will not be. */
static void
settle(struct bench_clock *clock, struct pending **at)
{
	struct pending *pending = *at;
	const struct histogram *times = &pending->sum.corrected;
	struct bench_second *row = &pending->sum.row;

	add_row(&clock->sum, row);
	row->second = pending->second;
	row->p50 = histogram_quantile(times, 0.5);
	row->p99 = histogram_quantile(times, 0.99);
	row->max = times->max;
	bench_seconds_add(&clock->seconds, row);
	*at = pending->next;
	free(pending);
}

void
bench_clock_hand(struct bench_clock *clock, uint64_t second, struct bench_tick *tick)
{
	const uint64_t connections = tick->row.connections;
	struct pending **at;

	pthread_mutex_lock(&clock->mutex);
	at = find(clock, second);
	if (at != NULL) {
		add_row(&(*at)->sum.row, &tick->row);
		histogram_add(&(*at)->sum.corrected, &tick->corrected);
		if (++(*at)->handed == clock->threads)
			settle(clock, at);
	}
	pthread_mutex_unlock(&clock->mutex);
	memset(tick, 0, sizeof(*tick));
	tick->row.connections = connections;
}

void
bench_clock_leave(struct bench_clock *clock, uint64_t second)
{
	struct pending **at = &clock->pending;

	pthread_mutex_lock(&clock->mutex);
	clock->left++;
	while (*at != NULL) {
		if ((*at)->second >= second && ++(*at)->handed == clock->threads)
			settle(clock, at);
		else
			at = &(*at)->next;
	}
	pthread_mutex_unlock(&clock->mutex);
}

size_t
bench_clock_last(struct bench_clock *clock, struct bench_second *rows, size_t most)
{
	size_t count;

	pthread_mutex_lock(&clock->mutex);
	count = clock->seconds.count < most ? clock->seconds.count : most;
	if (count > 0)
		memcpy(rows, clock->seconds.rows + clock->seconds.count - count,
		    count * sizeof(*rows));
	pthread_mutex_unlock(&clock->mutex);
	return count;
}

struct bench_second
bench_clock_sum(struct bench_clock *clock)
{
	struct bench_second sum;

	pthread_mutex_lock(&clock->mutex);
	sum = clock->sum;
	pthread_mutex_unlock(&clock->mutex);
	return sum;
}

void
bench_clock_take(struct bench_clock *clock, struct bench_seconds *seconds)
{
	pthread_mutex_lock(&clock->mutex);
	while (clock->pending != NULL)
		settle(clock, &clock->pending);
	*seconds = clock->seconds;
	clock->seconds = (struct bench_seconds){ 0, 0, NULL };
	pthread_mutex_unlock(&clock->mutex);
}
