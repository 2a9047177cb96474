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

/* The edit distance of Levenshtein, one row of its matrix at a time. */
size_t
spelling_distance(const char *a, const char *b)
{
	size_t row[LENGTH_MAX + 1];
	const size_t width = strlen(b);

	if (strlen(a) > LENGTH_MAX || width > LENGTH_MAX)
		return LENGTH_MAX;
	for (size_t j = 0; j <= width; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= width; j++) {
			const size_t above = row[j];

			row[j] = least(above + 1, row[j - 1] + 1,
			    diagonal + !is_same(a[i - 1], b[j - 1]));
			diagonal = above;
		}
	}
	return row[width];
}
