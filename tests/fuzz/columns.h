/* What is printed for a terminal: printable, and no line longer than it but for one word. */
#ifndef TESTS_FUZZ_COLUMNS_H
#define TESTS_FUZZ_COLUMNS_H

#include <stdbool.h>

#include "fuzz.h"

#define COLUMNS 80
#define INDENT 13

static inline bool
has_two_words(const char *line, size_t length)
{
	return length > INDENT && memchr(line + INDENT, ' ', length - INDENT) != NULL;
}

static inline void
check_lines(const char *text, size_t size)
{
	const char *const end = text + size;

	for (const char *line = text; line < end;) {
		const char *next = memchr(line, '\n', (size_t)(end - line));

		fuzz_assert(next != NULL);
		for (const char *c = line; c < next; c++)
			fuzz_assert(*c >= ' ' && *c <= '~');
		fuzz_assert(next - line <= COLUMNS || !has_two_words(line, (size_t)(next - line)));
		line = next + 1;
	}
}

#endif
