/*
 * Names that were meant: how far a name that is none is from those that there are.
 */
#ifndef BASE_SPELLING_H
#define BASE_SPELLING_H

#include <stddef.h>

/* A name within this distance of another was meant to be it. */
#define SPELLING_NEAR 2

/*
 * Returns how many letters are to be added, taken out, changed, or swapped with the next one, to
 * make `b` of `a`, where capitals are as small letters; for names of more than 40 letters some
 * number that is not near.
 */
size_t spelling_distance(const char *a, const char *b);

#endif
