/* How often a message of one class may be logged. */
#include "common/log_limit.h"
#include "runner.h"

static struct log_limit limit;
static uint64_t suppressed;

START_TEST(the_first_message_is_logged)
{
	ck_assert(log_limit_allows(&limit, 0, &suppressed));
	ck_assert_uint_eq(suppressed, 0);
}
END_TEST

START_TEST(one_in_a_period)
{
	ck_assert(log_limit_allows(&limit, 5, &suppressed));
	ck_assert(!log_limit_allows(&limit, 5, &suppressed));
	ck_assert_uint_eq(suppressed, 0);
	ck_assert(!log_limit_allows(&limit, 4 + LOG_LIMIT_PERIOD, &suppressed));
	ck_assert(log_limit_allows(&limit, 5 + LOG_LIMIT_PERIOD, &suppressed));
	ck_assert_uint_eq(suppressed, 2);
}
END_TEST

START_TEST(what_was_told_is_not_told_again)
{
	for (int64_t now = 0; now <= LOG_LIMIT_PERIOD; now += LOG_LIMIT_PERIOD / 4)
		log_limit_allows(&limit, now, &suppressed);
	ck_assert_uint_eq(suppressed, 3);
	ck_assert(log_limit_allows(&limit, 2 * LOG_LIMIT_PERIOD, &suppressed));
	ck_assert_uint_eq(suppressed, 0);
}
END_TEST

START_TEST(the_end_of_a_period_settles)
{
	ck_assert(log_limit_allows(&limit, 0, &suppressed));
	ck_assert(!log_limit_allows(&limit, 1, &suppressed));
	ck_assert_uint_eq(log_limit_settle(&limit, LOG_LIMIT_PERIOD - 1), 0);
	ck_assert_uint_eq(log_limit_settle(&limit, LOG_LIMIT_PERIOD), 1);
	ck_assert_uint_eq(log_limit_settle(&limit, LOG_LIMIT_PERIOD), 0);
	ck_assert(log_limit_allows(&limit, LOG_LIMIT_PERIOD, &suppressed));
	ck_assert_uint_eq(suppressed, 0);
}
END_TEST

START_TEST(nothing_logged_is_nothing_to_settle)
{
	ck_assert_uint_eq(log_limit_settle(&limit, 0), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("log_limit");
	TCase *tests = tcase_create("log_limit");

	tcase_add_test(tests, the_first_message_is_logged);
	tcase_add_test(tests, one_in_a_period);
	tcase_add_test(tests, what_was_told_is_not_told_again);
	tcase_add_test(tests, the_end_of_a_period_settles);
	tcase_add_test(tests, nothing_logged_is_nothing_to_settle);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
