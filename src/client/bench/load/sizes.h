/*
 * How long the messages of bench are: one size, or several with weights.  Which one a message has
 * depends on its number alone, so that both directions know it.  Pure.
 */
#ifndef CLIENT_BENCH_LOAD_SIZES_H
#define CLIENT_BENCH_LOAD_SIZES_H

#include <stddef.h>
#include <stdint.h>

#define SIZES_MAX 16
#define SIZES_MOST 67108864 /* bytes of a message */
#define SIZES_WEIGHT_MOST 1000000

struct sizes {
	size_t count;
	struct {
		size_t bytes;
		uint32_t weight;
	} rows[SIZES_MAX];
	uint64_t weights; /* all of them */
};

/*
 * Reads "64", "16K", or "64:9,16K:1": sizes in bytes, K or M, with a weight each (1).  Returns NULL,
 * or what would be right as a constant string.
 */
const char *sizes_parse(struct sizes *sizes, const char *text);

size_t sizes_longest(const struct sizes *sizes);
size_t sizes_shortest(const struct sizes *sizes);

size_t sizes_pick_one(const struct sizes *sizes, uint64_t connection, uint64_t number);

/* The size of the `number`th message of a connection. */
static inline size_t
sizes_pick(const struct sizes *sizes, uint64_t connection, uint64_t number)
{
	return sizes->count == 1 ? sizes->rows[0].bytes :
	    sizes_pick_one(sizes, connection, number);
}

#endif
