/*
 * What replies came with, and that it changed: see net/marks.h.  Pure.
 */
#ifndef CLIENT_MEASURE_MARKS_SEEN_H
#define CLIENT_MEASURE_MARKS_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "net/marks.h"

struct marks_set {
	uint64_t bits[4]; /* of each value, 0 to 255, whether it was seen */
};

/* All 0 to begin with. */
struct marks_seen {
	struct marks_set tos, ttl;
	struct marks last;
	bool any;
	uint64_t changes; /* replies that came with others than the one before */
};

/* What one more reply is. */
enum marks_news {
	MARKS_SAME,
	MARKS_CHANGED, /* to what was seen before */
	MARKS_NEW,     /* to what was not */
};

struct marks_told {
	struct marks now, before; /* `before` is that of the reply before, where it is no MARKS_SAME */
	enum marks_news news;
};

/* Notes what a reply came with. */
struct marks_told marks_seen_note(struct marks_seen *seen, struct marks marks);

/* Adds what others have seen. */
void marks_seen_add(struct marks_seen *seen, const struct marks_seen *other);

bool marks_set_has(const struct marks_set *set, unsigned value);

#endif
