/*
 * Any bytes as the status of an echod that is asked.  What is printed is printable, and of it no
 * line is longer than 80 columns where its words are not; what is none prints nothing.
 */
#include "daemon/observe/asking/status_text.h"
#include "columns.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *json = copy_text(data, size), *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	bool serves = false, is_status;

	fuzz_assert(out != NULL);
	is_status = status_text_print(json, size, &serves, out);
	fuzz_assert(fclose(out) == 0);
	if (is_status)
		check_lines(text, length);
	else
		fuzz_assert(length == 0 && !serves);
	free(text);
	free(json);
	return 0;
}
