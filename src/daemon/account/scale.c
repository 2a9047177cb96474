/* The scales of the histograms: see scale.h. */
#include "daemon/account/scale.h"

#include <assert.h>

static_assert((int)AGE_CELLS <= (int)SCALE_CELLS_MOST, "a scale has its place");
static_assert((int)WAIT_CELLS <= (int)SCALE_CELLS_MOST, "a scale has its place");
static_assert((int)TURN_CELLS <= (int)SCALE_CELLS_MOST, "a scale has its place");

#define TEXT(bound, text) text,
#define SCALE(name, list, digits) \
	static const uint64_t name##_bounds[] = { list(SCALE_BOUND) }; \
	static const char *const name##_texts[] = { list(TEXT) "+Inf" }; \
	const struct scale name##_scale = { \
		name##_bounds, name##_texts, sizeof(name##_bounds) / sizeof(name##_bounds[0]), digits, \
	};

SCALE(age, AGE_BOUNDS, 3)
SCALE(wait, WAIT_BOUNDS, 6)
SCALE(turn, TURN_BOUNDS, 6)

size_t
scale_find(const struct scale *scale, uint64_t value)
{
	size_t cell = 0;

	while (cell < scale->count && value > scale->bounds[cell])
		cell++;
	return cell;
}
