/* What a listener says first: which texts there are, and what they come to. */
#include <stdlib.h>
#include <string.h>

#include "net/greeting.h"
#include "runner.h"

static const struct greeting_names names = { "box", "echo-tcp", "192.0.2.1:1024" };

static void
assert_says(const char *text, const char *expected)
{
	char said[GREETING_MOST];
	const size_t size = greeting_format(text, &names, said);

	ck_assert_ptr_null(greeting_check(text));
	ck_assert_uint_eq(size, strlen(expected));
	ck_assert_mem_eq(said, expected, size);
}

START_TEST(names_are_put_in_and_nothing_else_changes)
{
	assert_says("", "");
	assert_says("220 ready\r\n", "220 ready\r\n");
	assert_says("%h", "box");
	assert_says("%p%n%h", "192.0.2.1:1024echo-tcpbox");
	assert_says("<%n>", "<echo-tcp>");
	assert_says("100%%", "100%");
	assert_says("%%h%%%n%%", "%h%echo-tcp%");
	assert_says("\x01\xff\t", "\x01\xff\t");
}
END_TEST

START_TEST(another_letter_is_a_fault)
{
	static const char *const faults[] = { "%", "x%", "%%%", "%H", "%q", "% h", "%\n", "%1n", "%s" };

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		ck_assert_ptr_nonnull(greeting_check(faults[i]));
}
END_TEST

/* Fills `text` with `count` times `piece`. */
static const char *
repeat(const char *piece, size_t count, char text[2 * GREETING_MOST + 3])
{
	*text = '\0';
	while (count-- > 0)
		strcat(text, piece);
	return text;
}

START_TEST(its_length_is_bounded)
{
	char text[2 * GREETING_MOST + 3];
	const size_t most = GREETING_MOST / GREETING_NAME_MOST;

	ck_assert_ptr_null(greeting_check(repeat("x", GREETING_MOST, text)));
	ck_assert_ptr_nonnull(greeting_check(repeat("x", GREETING_MOST + 1, text)));
	ck_assert_ptr_null(greeting_check(repeat("%%", GREETING_MOST, text)));
	ck_assert_ptr_nonnull(greeting_check(repeat("%%", GREETING_MOST + 1, text)));
	ck_assert_ptr_null(greeting_check(repeat("%p", most, text)));
	ck_assert_ptr_nonnull(greeting_check(repeat("%p", most + 1, text)));
}
END_TEST

START_TEST(what_does_not_fit_is_cut)
{
	char text[2 * GREETING_MOST + 3];
	char *said = malloc(GREETING_MOST); /* what is beyond it is seen by the sanitizers */

	ck_assert_ptr_nonnull(said);
	ck_assert_uint_eq(greeting_format(repeat("%p", 100, text), &names, said), GREETING_MOST);
	ck_assert_uint_eq(greeting_format(repeat("x", GREETING_MOST + 1, text), &names, said),
	    GREETING_MOST);
	free(said);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("greeting");
	TCase *tests = tcase_create("greeting");

	tcase_add_test(tests, names_are_put_in_and_nothing_else_changes);
	tcase_add_test(tests, another_letter_is_a_fault);
	tcase_add_test(tests, its_length_is_bounded);
	tcase_add_test(tests, what_does_not_fit_is_cut);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
