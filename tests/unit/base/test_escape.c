/* Payload in a log line: nothing that a peer sends can break out of it. */
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "runner.h"

static const struct {
	const char *data;
	size_t size;
	const char *text;
} cases[] = {
	{ "", 0, "\"\"" },
	{ "This is the message. ", 21, "\"This is the message. \"" },
	{ "a\nb\rc\td", 7, "\"a\\nb\\rc\\td\"" },
	{ "say \"no\" \\ ", 11, "\"say \\\"no\\\" \\\\ \"" },
	{ "\0\x01\x1b[31m\x7f\xff", 9, "\"\\x00\\x01\\x1b[31m\\x7f\\xff\"" },
	{ "%s%n", 4, "\"%s%n\"" },
};

START_TEST(escapes)
{
	char text[ESCAPE_TEXT_SIZE];

	ck_assert_str_eq(escape_payload(cases[_i].data, cases[_i].size, text), cases[_i].text);
}
END_TEST

START_TEST(cuts_at_64_bytes)
{
	char data[65], text[ESCAPE_TEXT_SIZE], expected[ESCAPE_TEXT_SIZE];

	memset(data, 'x', sizeof(data));
	snprintf(expected, sizeof(expected), "\"%.64s\"", data);
	ck_assert_str_eq(escape_payload(data, 64, text), expected);
	snprintf(expected, sizeof(expected), "\"%.64s\"... (65 bytes)", data);
	ck_assert_str_eq(escape_payload(data, 65, text), expected);
}
END_TEST

START_TEST(longest_fits)
{
	unsigned char data[ESCAPE_SHOWN] = { 0 };
	char text[ESCAPE_TEXT_SIZE];

	/* Only the size given is read, so the rest of SIZE_MAX bytes need not be there. */
	escape_payload(data, (size_t)-1, text);
	ck_assert_str_eq(text + strlen(text) - 6, "bytes)");
	ck_assert_uint_lt(strlen(text), ESCAPE_TEXT_SIZE);
}
END_TEST

/* Whatever the byte, the line stays printable ASCII and the quotes stay closed. */
START_TEST(every_byte)
{
	const unsigned char byte = (unsigned char)_i;
	char text[ESCAPE_TEXT_SIZE];

	escape_payload(&byte, 1, text);
	for (const char *c = text; *c != '\0'; c++)
		ck_assert(*c >= 0x20 && *c < 0x7f);
	if (byte == '"' || byte == '\\')
		ck_assert_int_eq(text[1], '\\');
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("escape");
	TCase *tests = tcase_create("escape");

	tcase_add_loop_test(tests, escapes, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_loop_test(tests, every_byte, 0, 256);
	tcase_add_test(tests, cuts_at_64_bytes);
	tcase_add_test(tests, longest_fits);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
