/* How often a size is tried: thrice, and more on a path that loses. */
#include "client/mtu/tries.h"
#include "runner.h"

START_TEST(thrice_where_nothing_is_lost)
{
	ck_assert_uint_eq(tries_for_certainty(0, 0), 3);
	ck_assert_uint_eq(tries_for_certainty(1000, 0), 3);
	ck_assert_uint_eq(tries_for_certainty(1000, 40), 3);
}
END_TEST

/* The least number that makes chance less likely than one in ten thousand. */
START_TEST(more_where_some_are_lost)
{
	ck_assert_uint_eq(tries_for_certainty(100, 5), 4);
	ck_assert_uint_eq(tries_for_certainty(100, 11), 5);
	ck_assert_uint_eq(tries_for_certainty(100, 19), 6);
	ck_assert_uint_eq(tries_for_certainty(100, 50), 14);
}
END_TEST

START_TEST(there_is_an_end)
{
	ck_assert_uint_eq(tries_for_certainty(100, 90), 30);
	ck_assert_uint_eq(tries_for_certainty(100, 100), 30);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("tries");
	TCase *cases = tcase_create("tries");

	tcase_add_test(cases, thrice_where_nothing_is_lost);
	tcase_add_test(cases, more_where_some_are_lost);
	tcase_add_test(cases, there_is_an_end);
	suite_add_tcase(suite, cases);
	return run_suite(suite);
}
