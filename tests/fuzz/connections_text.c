/*
 * Any bytes as what an echod says that is asked who is connected.  What is printed is printable,
 * and of it no line is longer than 80 columns where its words are not.
 */
#include "daemon/observe/asking/connections_text.h"
#include "fuzz.h"

#define COLUMNS 80
#define INDENT 13

static bool
has_two_words(const char *line, size_t length)
{
	return length > INDENT && memchr(line + INDENT, ' ', length - INDENT) != NULL;
}

static void
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *lines = copy_text(data, size), *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	bool is_right;

	fuzz_assert(out != NULL);
	is_right = connections_text_print(lines, size, out);
	fuzz_assert(fclose(out) == 0);
	check_lines(text, length);
	fuzz_assert(connections_text_print(lines, size, NULL) == is_right);
	free(text);
	free(lines);
	return 0;
}
