/* The rooms for batches of datagrams: see batches.h. */
#include "daemon/datagram/batches.h"

#include <stdlib.h>

struct batches {
	size_t count;
	struct batch *members[]; /* NULL until there is a socket */
};

struct batches *
batches_new(size_t workers)
{
	struct batches *batches = calloc(1, sizeof(*batches) + workers * sizeof(struct batch *));

	if (batches != NULL)
		batches->count = workers;
	return batches;
}

void
batches_free(struct batches *batches)
{
	if (batches == NULL)
		return;
	for (size_t i = 0; i < batches->count; i++)
		batch_free(batches->members[i]);
	free(batches);
}

struct batch *
batches_get(struct batches *batches, size_t worker)
{
	if (batches->members[worker] == NULL)
		batches->members[worker] = batch_new();
	return batches->members[worker];
}
