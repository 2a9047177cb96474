/* How far one name is from another. */
#include "base/spelling.h"
#include "runner.h"

static const struct {
	const char *a, *b;
	size_t distance;
} pairs[] = {
	{ "", "", 0 },
	{ "", "ping", 4 },
	{ "ping", "ping", 0 },
	{ "PING", "ping", 0 },
	{ "png", "ping", 1 },
	{ "piing", "ping", 1 },
	{ "pong", "ping", 1 },
	{ "piep", "pipe", 1 }, /* two letters the other way round */
	{ "piep", "ping", 2 },
	{ "ipep", "pipe", 2 },
	{ "conections", "connections", 1 },
	{ "verison", "version", 1 },
};

START_TEST(what_differs_is_counted)
{
	ck_assert_uint_eq(spelling_distance(pairs[_i].a, pairs[_i].b), pairs[_i].distance);
	ck_assert_uint_eq(spelling_distance(pairs[_i].b, pairs[_i].a), pairs[_i].distance);
}
END_TEST

START_TEST(longer_names_are_near_to_none)
{
	static const char forty[] = "1234567890123456789012345678901234567890";
	static const char more[] = "12345678901234567890123456789012345678901";

	ck_assert_uint_eq(spelling_distance(forty, forty), 0);
	ck_assert_uint_gt(spelling_distance(forty, more), SPELLING_NEAR);
	ck_assert_uint_gt(spelling_distance(more, more), SPELLING_NEAR);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("spelling");
	TCase *tests = tcase_create("spelling");

	tcase_add_loop_test(tests, what_differs_is_counted, 0,
	    (int)(sizeof(pairs) / sizeof(pairs[0])));
	tcase_add_test(tests, longer_names_are_near_to_none);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
