/* The first of many: see ranking.h. */
#include "daemon/observe/peers/ranking.h"

#include <stdlib.h>

bool
ranking_make(struct ranking *ranking, size_t most)
{
	*ranking = (struct ranking){ .most = most };
	ranking->heap = calloc(most + 1, sizeof(struct ranked));
	return ranking->heap != NULL;
}

void
ranking_free(struct ranking *ranking)
{
	free(ranking->heap);
	*ranking = (struct ranking){ .heap = NULL };
}

/* Puts `ranked` at `at` or, as long as what is above ranks higher, there. */
static void
rise(struct ranking *ranking, size_t at, struct ranked ranked)
{
	while (at > 0 && ranking->heap[(at - 1) / 2].rank > ranked.rank) {
		ranking->heap[at] = ranking->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	ranking->heap[at] = ranked;
}

/* Puts `ranked` on top or, as long as what is below ranks lower, there. */
static void
sink(struct ranking *ranking, struct ranked ranked)
{
	size_t at = 0, below;

	while ((below = 2 * at + 1) < ranking->count) {
		if (below + 1 < ranking->count &&
		    ranking->heap[below + 1].rank < ranking->heap[below].rank)
			below++;
		if (ranking->heap[below].rank >= ranked.rank)
			break;
		ranking->heap[at] = ranking->heap[below];
		at = below;
	}
	ranking->heap[at] = ranked;
}

bool
ranking_wants(const struct ranking *ranking, int64_t rank)
{
	return ranking->count < ranking->most ||
	    (ranking->most > 0 && rank > ranking->heap[0].rank);
}

void *
ranking_lowest(const struct ranking *ranking)
{
	return ranking->count < ranking->most ? NULL : ranking->heap[0].what;
}

void
ranking_add(struct ranking *ranking, int64_t rank, void *what)
{
	const struct ranked ranked = { rank, what };

	if (ranking->count < ranking->most)
		rise(ranking, ranking->count++, ranked);
	else
		sink(ranking, ranked);
}

struct ranked
ranking_take(struct ranking *ranking)
{
	const struct ranked lowest = ranking->heap[0];

	ranking->count--;
	if (ranking->count > 0)
		sink(ranking, ranking->heap[ranking->count]);
	return lowest;
}
