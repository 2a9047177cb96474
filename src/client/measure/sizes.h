/*
 * The sizes of messages, as the command line has them: one, a list, a sweep, or a list of such; each
 * message has the next one, and after the last comes the first again.  Pure.
 */
#ifndef CLIENT_MEASURE_SIZES_H
#define CLIENT_MEASURE_SIZES_H

#include <stddef.h>
#include <stdint.h>

/* How many sizes there may be, and parts of a list. */
#define SIZES_MOST 4096
#define SIZES_PARTS_MOST 64

/* A sweep, or one size: `first`, and each `step` more, `count` of them. */
struct sizes_part {
	size_t first, step, count;
};

struct sizes {
	size_t count, parts;
	struct sizes_part part[SIZES_PARTS_MOST];
};

/* One size alone. */
struct sizes sizes_of_one(size_t size);

/*
 * Reads "64", "64,1400", "64-1472:8" or "100-200" (in steps of 1), each size from MESSAGE_LEAST to
 * MESSAGE_MOST.  Returns NULL, or what would be right as a constant string; *sizes is undefined
 * then.
 */
const char *sizes_parse(struct sizes *sizes, const char *text);

/* The size at a place, from 0 to sizes->count - 1. */
size_t sizes_at(const struct sizes *sizes, size_t place);

/* The place of that of message `seq`, from 1. */
static inline size_t
sizes_place(const struct sizes *sizes, uint64_t seq)
{
	return (size_t)((seq - 1) % sizes->count);
}

/* The size of message `seq`, from 1. */
static inline size_t
sizes_of(const struct sizes *sizes, uint64_t seq)
{
	return sizes_at(sizes, sizes_place(sizes, seq));
}

/* The smallest and the largest. */
size_t sizes_least(const struct sizes *sizes);
size_t sizes_most(const struct sizes *sizes);

#endif
