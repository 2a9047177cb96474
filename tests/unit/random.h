/*
 * Random values for tests that assert what holds for all of them: the same ones in each run,
 * so that a failure comes again.  A test begins with random_begin() of a seed, and says with
 * a failure which that was and what value it met.
 */
#ifndef TESTS_RANDOM_H
#define TESTS_RANDOM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static uint64_t random_state;

static inline void
random_begin(int seed)
{
	random_state = (uint64_t)seed;
}

/* splitmix64. */
static inline uint64_t
random_bits(void)
{
	uint64_t mixed = random_state += UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
	return mixed ^ mixed >> 31;
}

/* 0 to `count` - 1. */
static inline size_t
random_below(size_t count)
{
	return (size_t)(random_bits() % count);
}

/* True once in `count`. */
static inline int
random_once_in(size_t count)
{
	return random_below(count) == 0;
}

/*
 * Makes `text`, which has room for `size` bytes, another one by up to three edits: a
 * character of `alphabet` put in or in the place of another, or one taken out.
 */
static inline void
random_edit(char *text, size_t size, const char *alphabet)
{
	for (size_t edits = random_below(4); edits > 0; edits--) {
		const size_t length = strlen(text), at = random_below(length + 1);
		const char new = alphabet[random_below(strlen(alphabet))];

		if (random_once_in(3) && length + 2 <= size) {
			memmove(text + at + 1, text + at, length - at + 1);
			text[at] = new;
		} else if (at < length && random_once_in(2)) {
			memmove(text + at, text + at + 1, length - at);
		} else if (at < length) {
			text[at] = new;
		}
	}
}

#endif
