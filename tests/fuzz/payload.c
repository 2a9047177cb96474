/*
 * Bytes from a peer, on their way into a log line.  What becomes of them is printable, as long
 * as promised, and stands for these bytes and no others.
 */
#include "base/escape.h"
#include "fuzz.h"

static unsigned
take_byte(const char **text)
{
	static const char named[] = "n\nr\rt\t\"\"\\\\";
	unsigned value;

	if (*(*text)++ != '\\')
		return (unsigned char)(*text)[-1];
	if (**text == 'x') {
		fuzz_assert(sscanf(*text, "x%2x", &value) == 1);
		*text += 3;
		return value;
	}
	for (const char *name = named; *name != '\0'; name += 2)
		if (*name == **text) {
			++*text;
			return (unsigned char)name[1];
		}
	fuzz_assert(!"an escape that nobody knows");
	return 0;
}

static void
check_bytes(const uint8_t *data, size_t size)
{
	char *text = malloc(4 * size + 1);
	const char *at = text;

	fuzz_assert(text != NULL && escape_bytes(data, size, text) == text);
	for (const char *c = text; *c != '\0'; c++)
		fuzz_assert(*c >= 0x20 && *c < 0x7f);
	for (size_t i = 0; i < size; i++)
		fuzz_assert(take_byte(&at) == data[i]);
	fuzz_assert(*at == '\0');
	free(text);
}

static void
check_payload(const uint8_t *data, size_t size)
{
	const size_t shown = size < ESCAPE_SHOWN ? size : ESCAPE_SHOWN;
	char text[ESCAPE_TEXT_SIZE], part[ESCAPE_TEXT_SIZE], rest[48] = "", expected[400];

	escape_bytes(data, shown, part);
	if (size > shown)
		snprintf(rest, sizeof(rest), "... (%zu bytes)", size);
	snprintf(expected, sizeof(expected), "\"%s\"%s", part, rest);
	fuzz_assert(strcmp(escape_payload(data, size, text), expected) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_bytes(data, size);
	check_payload(data, size);
	return 0;
}
