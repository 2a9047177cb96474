/*
 * The file of ping's -f.  Each target that is taken is a word of its line, without blanks, or two of
 * which the second has digits alone; they come in the order of their lines; and what is not taken is
 * told in words, with a line that the file has.
 */
#include "client/ping/targets.h"
#include "fuzz.h"

static void
check_word(const char *word)
{
	fuzz_assert(*word != '\0' && *word != '#');
	fuzz_assert(word[strcspn(word, " \t\r\v\f\n")] == '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = copy_text(data, size);
	struct targets targets = { 0 };
	size_t line = 0, lines = 1, before = 0;
	const char *fault;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	fault = targets_parse(&targets, text, size, &line);
	fuzz_assert(fault == NULL || (*fault != '\0' && line >= 1 && line <= lines));
	fuzz_assert(targets.count <= lines);
	for (size_t i = 0; i < targets.count; i++) {
		const struct target *target = &targets.rows[i];

		check_word(target->host);
		fuzz_assert(target->line > before && target->line <= lines);
		before = target->line;
		if (target->port == NULL)
			continue;
		check_word(target->port);
		fuzz_assert(target->port[strspn(target->port, "0123456789")] == '\0');
	}
	targets_free(&targets);
	free(text);
	return 0;
}
