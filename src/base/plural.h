/*
 * Counts as texts have them: 1 byte, 2 bytes.
 */
#ifndef BASE_PLURAL_H
#define BASE_PLURAL_H

#include <stdint.h>

/* What follows the name of a thing, of which there are `count`. */
static inline const char *
plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

#endif
