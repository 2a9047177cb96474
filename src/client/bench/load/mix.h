/*
 * How long the messages of bench are: one size, or several with weights.  Which one a message has
 * depends on its number alone, so that both directions know it.  Pure.
 */
#ifndef CLIENT_BENCH_LOAD_MIX_H
#define CLIENT_BENCH_LOAD_MIX_H

#include <stddef.h>
#include <stdint.h>

#define MIX_MOST 16
#define MIX_SIZE_MOST 67108864 /* bytes of a message */
#define MIX_WEIGHT_MOST 1000000

struct mix {
	size_t count;
	struct {
		size_t bytes;
		uint32_t weight;
	} rows[MIX_MOST];
	uint64_t weights; /* all of them */
};

/*
 * Reads "64", "16K", or "64:9,16K:1": sizes in bytes, K or M, with a weight each (1).  Returns NULL,
 * or what would be right as a constant string.
 */
const char *mix_parse(struct mix *mix, const char *text);

size_t mix_longest(const struct mix *mix);

size_t mix_pick_one(const struct mix *mix, uint64_t connection, uint64_t number);

/* The size of the `number`th message of a connection. */
static inline size_t
mix_pick(const struct mix *mix, uint64_t connection, uint64_t number)
{
	return mix->count == 1 ? mix->rows[0].bytes :
	    mix_pick_one(mix, connection, number);
}

#endif
