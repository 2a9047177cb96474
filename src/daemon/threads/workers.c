/* The workers as a body: see workers.h. */
#include "daemon/threads/workers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

struct workers {
	size_t count, started;
	struct member {
		struct worker *worker;
		size_t open; /* connections */
	} members[];
};

struct workers *
workers_new(size_t count, const struct loop_settings *settings, struct inbox *home)
{
	struct workers *workers = calloc(1, sizeof(*workers) + count * sizeof(workers->members[0]));

	if (workers == NULL)
		return NULL;
	for (; workers->count < count; workers->count++) {
		workers->members[workers->count].worker = worker_new(settings, home);
		if (workers->members[workers->count].worker == NULL) {
			const int error = errno;

			workers_free(workers);
			errno = error;
			return NULL;
		}
	}
	return workers;
}

void
workers_free(struct workers *workers)
{
	if (workers == NULL)
		return;
	for (size_t i = 0; i < workers->count; i++)
		worker_free(workers->members[i].worker);
	free(workers);
}

int
workers_start(struct workers *workers)
{
	char name[16];

	for (size_t i = 0; i < workers->count; i++) {
		snprintf(name, sizeof(name), "worker-%u", (unsigned)i % 1000);
		if (worker_start(workers->members[i].worker, name) == -1)
			return -1;
		workers->started++;
	}
	return 0;
}

size_t
workers_count(const struct workers *workers)
{
	return workers->count;
}

struct worker *
workers_get(const struct workers *workers, size_t index)
{
	return workers->members[index].worker;
}

size_t
workers_pick(const struct workers *workers)
{
	const int64_t now = clock_ms();
	size_t best = 0, best_load = SIZE_MAX;

	for (size_t i = 0; i < workers->count; i++) {
		const struct member *member = &workers->members[i];
		const bool stale = !worker_is_fresh(member->worker, now);
		/* Any fresh one comes before any stale one. */
		const size_t load = member->open + (stale ? SIZE_MAX / 2 : 0);

		if (load < best_load) {
			best = i;
			best_load = load;
		}
	}
	return best;
}

bool
workers_find_hung(const struct workers *workers, int64_t now, size_t *index)
{
	for (size_t i = 0; i < workers->count; i++)
		if (worker_hangs(workers->members[i].worker, now)) {
			*index = i;
			return true;
		}
	return false;
}

void
workers_count_opened(struct workers *workers, size_t index)
{
	workers->members[index].open++;
}

size_t
workers_open(const struct workers *workers, size_t index)
{
	return workers->members[index].open;
}

void
workers_count_closed(struct workers *workers, size_t index)
{
	workers->members[index].open--;
}

void
workers_drain(struct workers *workers, enum drain_step step)
{
	for (size_t i = 0; i < workers->count; i++)
		worker_drain(workers->members[i].worker, step);
}

void
workers_stop_and_join(struct workers *workers)
{
	for (size_t i = 0; i < workers->started; i++)
		worker_drain(workers->members[i].worker, ABORT_ALL);
	for (size_t i = 0; i < workers->started; i++)
		worker_join(workers->members[i].worker);
	workers->started = 0;
}

const char *
workers_event_method(const struct workers *workers)
{
	return worker_event_method(workers->members[0].worker);
}
