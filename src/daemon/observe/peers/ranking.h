/*
 * The first of many by a number, however many there are: a heap of no more than a given size.
 * Pure.
 */
#ifndef DAEMON_OBSERVE_PEERS_RANKING_H
#define DAEMON_OBSERVE_PEERS_RANKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ranked {
	int64_t rank;
	void *what;
};

/* The one of the lowest rank is on top: the last of those that are kept. */
struct ranking {
	struct ranked *heap; /* room for `most` */
	size_t count, most;
};

/* Returns false where memory lacks; ranking_free() frees it, but for what is in it. */
bool ranking_make(struct ranking *ranking, size_t most);
void ranking_free(struct ranking *ranking);

/* True where one of that rank belongs to the first `most` so far. */
bool ranking_wants(const struct ranking *ranking, int64_t rank);

/* The lowest, whose place the next one takes; NULL: there is room for that. */
void *ranking_lowest(const struct ranking *ranking);

/* Adds `what`, which is wanted. */
void ranking_add(struct ranking *ranking, int64_t rank, void *what);

/* Takes out the lowest; there is one. */
struct ranked ranking_take(struct ranking *ranking);

#endif
