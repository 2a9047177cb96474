/*
 * Any bytes as what an echod says that is asked who is connected.  What is printed is printable,
 * and of it no line is longer than 80 columns where its words are not.
 */
#include "daemon/observe/asking/connections_text.h"
#include "columns.h"
#include "fuzz.h"

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
