/* Names that were meant: see spelling.h. */
#include "base/spelling.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* Longer names are near to none. */
#define LENGTH_MAX 40

static size_t
least(size_t a, size_t b, size_t c)
{
	const size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

static bool
is_same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Two letters that stand the other way round, the last ones of both. */
static bool
are_swapped(const char *a, size_t i, const char *b, size_t j)
{
	return i > 1 && j > 1 && is_same(a[i - 1], b[j - 2]) && is_same(a[i - 2], b[j - 1]);
}

/* The edit distance of Damerau and Levenshtein, of whose matrix three rows are kept. */
size_t
spelling_distance(const char *a, const char *b)
{
	size_t rows[3][LENGTH_MAX + 1];
	const size_t height = strlen(a), width = strlen(b);

	if (height > LENGTH_MAX || width > LENGTH_MAX)
		return LENGTH_MAX;
	for (size_t j = 0; j <= width; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= height; i++) {
		const size_t *before = rows[(i + 1) % 3], *above = rows[(i + 2) % 3];
		size_t *row = rows[i % 3];

		row[0] = i;
		for (size_t j = 1; j <= width; j++) {
			row[j] = least(above[j] + 1, row[j - 1] + 1,
			    above[j - 1] + !is_same(a[i - 1], b[j - 1]));
			if (are_swapped(a, i, b, j))
				row[j] = least(row[j], before[j - 2] + 1, LENGTH_MAX);
		}
	}
	return rows[height % 3][width];
}
