/* What a greeting must be like: where it ends, or from which byte on it is another one. */
#include <string.h>

#include "client/transport/pattern.h"
#include "runner.h"

static struct pattern pattern;

/* Returns how many bytes of `text` the pattern takes, with its verdict of the last one. */
static size_t
take(const char *wanted, const char *text, enum pattern_verdict *verdict)
{
	static struct pattern_match match;
	size_t taken = 0;

	ck_assert_ptr_null(pattern_parse(&pattern, wanted));
	pattern_begin(&match, &pattern);
	*verdict = PATTERN_PARTIAL;
	while (*verdict == PATTERN_PARTIAL && text[taken] != '\0')
		*verdict = pattern_take(&match, (unsigned char)text[taken++]);
	return taken;
}

/* It ends at the "|" in `text`. */
static void
assert_fits(const char *wanted, const char *text)
{
	char bytes[64] = "";
	enum pattern_verdict verdict;

	strcpy(bytes, text);
	strcpy(strchr(bytes, '|'), strchr(text, '|') + 1);
	ck_assert_uint_eq(take(wanted, bytes, &verdict), (size_t)(strchr(text, '|') - text));
	ck_assert_int_eq(verdict, PATTERN_FITS);
}

static void
assert_partial(const char *wanted, const char *text)
{
	enum pattern_verdict verdict;

	ck_assert_uint_eq(take(wanted, text, &verdict), strlen(text));
	ck_assert_int_eq(verdict, PATTERN_PARTIAL);
}

/* The byte before the "|" is the one from which on it is another one. */
static void
assert_differs(const char *wanted, const char *text)
{
	char bytes[64] = "";
	enum pattern_verdict verdict;

	strcpy(bytes, text);
	strcpy(strchr(bytes, '|'), strchr(text, '|') + 1);
	ck_assert_uint_eq(take(wanted, bytes, &verdict), (size_t)(strchr(text, '|') - text));
	ck_assert_int_eq(verdict, PATTERN_DIFFERS);
}

START_TEST(it_ends_where_all_of_it_fits)
{
	assert_fits("hello", "hello|hello");
	assert_fits("h?llo", "hallo|");
	assert_fits("?", "x|x");
	assert_fits("*\\n", "\n|\n");
	assert_fits("*\\n", "one line\n|and another\n");
	assert_fits("*a*b", "xxaxxb|b");
	assert_fits("**b", "aab|");
	assert_fits("*aab", "aaaab|aab");
	assert_fits("*abac", "ababac|");
	assert_fits("a*?b", "abb|b");
	assert_fits("*??", "xy|z");
	assert_fits("\\*\\?\\\\\\x41", "*?\\A|");
}
END_TEST

START_TEST(what_may_still_fit_is_waited_for)
{
	assert_partial("hello", "hell");
	assert_partial("*x", "any number of bytes");
	assert_partial("a*?b", "ab");
	assert_partial("220 *\\r\\n", "220 box\n\r");
}
END_TEST

START_TEST(what_cannot_fit_is_seen_at_once)
{
	assert_differs("hello", "x|");
	assert_differs("hello", "hellO|");
	assert_differs("220 *\\n", "221| box\n");
	assert_differs("\\?", "x|");
	assert_differs("\\*", "x|");
}
END_TEST

START_TEST(others_are_none)
{
	static const char *const faults[] = { "", "*", "a*", "a**", "\\", "a\\", "\\q", "\\x", "\\x4",
		"\\x4g", "\\N", "\\\\\\" };

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		ck_assert_ptr_nonnull(pattern_parse(&pattern, faults[i]));
}
END_TEST

START_TEST(its_length_is_bounded)
{
	char text[PATTERN_MOST + 2];

	memset(text, 'x', sizeof(text));
	text[PATTERN_MOST + 1] = '\0';
	ck_assert_ptr_nonnull(pattern_parse(&pattern, text));
	text[PATTERN_MOST] = '\0';
	ck_assert_ptr_null(pattern_parse(&pattern, text));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pattern");
	TCase *tests = tcase_create("pattern");

	tcase_add_test(tests, it_ends_where_all_of_it_fits);
	tcase_add_test(tests, what_may_still_fit_is_waited_for);
	tcase_add_test(tests, what_cannot_fit_is_seen_at_once);
	tcase_add_test(tests, others_are_none);
	tcase_add_test(tests, its_length_is_bounded);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
