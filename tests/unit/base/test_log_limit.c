/* How often a message of one class may be logged. */
#include "base/log_limit.h"
#include "runner.h"

static struct log_limit limit;

START_TEST(the_first_message_is_logged)
{
	ck_assert(log_limit_allows(&limit, 0));
}
END_TEST

START_TEST(one_in_a_period)
{
	ck_assert(log_limit_allows(&limit, 5));
	ck_assert(log_limit_allows(&limit, 5 + LOG_LIMIT_PERIOD));
	ck_assert(!log_limit_allows(&limit, 5 + LOG_LIMIT_PERIOD));
	ck_assert(!log_limit_allows(&limit, 4 + 2 * LOG_LIMIT_PERIOD));
	ck_assert_uint_eq(log_limit_settle(&limit, 5 + 2 * LOG_LIMIT_PERIOD), 2);
}
END_TEST

START_TEST(the_end_of_a_period_settles)
{
	ck_assert(log_limit_allows(&limit, 0));
	ck_assert(!log_limit_allows(&limit, 1));
	ck_assert_uint_eq(log_limit_settle(&limit, LOG_LIMIT_PERIOD - 1), 0);
	ck_assert_uint_eq(log_limit_settle(&limit, LOG_LIMIT_PERIOD), 1);
	ck_assert_uint_eq(log_limit_settle(&limit, LOG_LIMIT_PERIOD), 0);
}
END_TEST

/* A minute of it, settled a little before each message or a little after. */
START_TEST(trouble_that_lasts_has_one_line_in_a_period)
{
	int lines = 0;

	for (int64_t now = 0; now < 6 * LOG_LIMIT_PERIOD; now += 250) {
		lines += _i == 0 && log_limit_settle(&limit, now) > 0;
		lines += log_limit_allows(&limit, now);
		lines += _i == 1 && log_limit_settle(&limit, now) > 0;
	}
	ck_assert_int_eq(lines, 6);
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
	tcase_add_test(tests, the_end_of_a_period_settles);
	tcase_add_loop_test(tests, trouble_that_lasts_has_one_line_in_a_period, 0, 2);
	tcase_add_test(tests, nothing_logged_is_nothing_to_settle);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
