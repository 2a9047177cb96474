/* What replies came with: see marks_seen.h. */
#include "client/measure/marks_seen.h"

/* Returns true where it was not there.  What is not known, -1, is nothing to note. */
static bool
add(struct marks_set *set, int value)
{
	const unsigned place = (unsigned)value & 0xff;
	const uint64_t bit = UINT64_C(1) << (place & 63);
	uint64_t *word = &set->bits[place >> 6];

	if (value < 0 || (*word & bit) != 0)
		return false;
	*word |= bit;
	return true;
}

struct marks_told
marks_seen_note(struct marks_seen *seen, struct marks marks)
{
	struct marks_told told = { marks, seen->last, MARKS_SAME };
	const bool was_any = seen->any;
	const bool has_new_tos = add(&seen->tos, marks.tos), has_new_ttl = add(&seen->ttl, marks.ttl);

	seen->last = marks;
	seen->any = true;
	if (was_any && (told.before.tos != marks.tos || told.before.ttl != marks.ttl)) {
		told.news = has_new_tos || has_new_ttl ? MARKS_NEW : MARKS_CHANGED;
		seen->changes++;
	}
	return told;
}

void
marks_seen_add(struct marks_seen *seen, const struct marks_seen *other)
{
	for (int i = 0; i < 4; i++) {
		seen->tos.bits[i] |= other->tos.bits[i];
		seen->ttl.bits[i] |= other->ttl.bits[i];
	}
	seen->any |= other->any;
	seen->changes += other->changes;
}

bool
marks_set_has(const struct marks_set *set, unsigned value)
{
	return value < 256 && (set->bits[value >> 6] >> (value & 63) & 1) != 0;
}
