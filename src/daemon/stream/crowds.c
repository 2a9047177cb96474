/* The crowds as a body: see crowds.h. */
#include "daemon/stream/crowds.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/stream/limits/sweep.h"

struct crowds {
	size_t count;
	struct crowd *members[];
};

struct crowds *
crowds_new(const struct workers *workers, void (*closed)(void *control, struct letter *letter))
{
	const size_t count = workers_count(workers);
	struct crowds *crowds = calloc(1, sizeof(*crowds) + count * sizeof(struct crowd *));

	if (crowds == NULL)
		return NULL;
	for (; crowds->count < count; crowds->count++) {
		struct loop *loop = worker_loop(workers_get(workers, crowds->count));
		struct crowd *crowd = crowd_new(loop, closed);

		if (crowd == NULL || !sweep_look_after(crowd)) {
			crowd_free(crowd);
			crowds_free(crowds);
			errno = ENOMEM;
			return NULL;
		}
		crowds->members[crowds->count] = crowd;
	}
	return crowds;
}

void
crowds_free(struct crowds *crowds)
{
	if (crowds == NULL)
		return;
	for (size_t i = 0; i < crowds->count; i++)
		crowd_free(crowds->members[i]);
	free(crowds);
}

void
crowds_set_limits(struct crowds *crowds, const struct crowd_limits *limits)
{
	for (size_t i = 0; i < crowds->count; i++)
		crowd_set_limits(crowds->members[i], limits, crowds->count);
}

struct crowd *
crowds_get(const struct crowds *crowds, size_t index)
{
	return crowds->members[index];
}

void
crowds_serve(const struct crowds *crowds, struct ledger *ledger)
{
	if (ledger->branches[0].crowd != NULL)
		return; /* another listener of the name was first: workers may read it now */
	for (size_t i = 0; i < crowds->count && i < ledger->worker_count; i++)
		ledger->branches[i].crowd = crowds->members[i];
}
