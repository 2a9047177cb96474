/* Who had most lately: what is older than the last minute and the one before it is forgotten. */
#include "daemon/account/recent.h"

#include "runner.h"

#define PERIOD INT64_C(60000)

static const struct source_name one = { 1, SOURCE_IPV4 }, two = { 2, SOURCE_IPV4 };

static uint64_t
count(const struct recent *recent, int64_t now)
{
	struct vote sum = { .total = 0 };

	recent_read(recent, now, &sum);
	return sum.total;
}

START_TEST(two_minutes_count)
{
	struct recent recent = { .period = 0 };

	ck_assert_uint_eq(count(&recent, 100 * PERIOD), 0);
	recent_cast(&recent, one, 100 * PERIOD);
	recent_cast(&recent, two, 101 * PERIOD - 1);
	ck_assert_uint_eq(count(&recent, 101 * PERIOD - 1), 2);
	recent_cast(&recent, two, 101 * PERIOD);
	ck_assert_uint_eq(count(&recent, 102 * PERIOD - 1), 3);
	ck_assert_uint_eq(count(&recent, 102 * PERIOD), 1);
	ck_assert_uint_eq(count(&recent, 103 * PERIOD), 0);
	recent_cast(&recent, one, 110 * PERIOD);
	ck_assert_uint_eq(count(&recent, 110 * PERIOD), 1);
}
END_TEST

START_TEST(several_are_added_up)
{
	struct recent a = { .period = 0 }, b = { .period = 0 };
	struct vote sum = { .total = 0 }, votes = { .total = 0 };

	for (int i = 0; i < 3; i++)
		vote_cast(&votes, two);
	recent_cast(&a, one, PERIOD);
	recent_cast(&a, one, PERIOD);
	recent_add(&b, &votes, 2 * PERIOD - 1);
	recent_read(&a, 2 * PERIOD, &sum);
	recent_read(&b, 2 * PERIOD, &sum);
	ck_assert_uint_eq(sum.total, 5);
	ck_assert(source_name_equal(vote_leader(&sum)->source, two));
	ck_assert_uint_eq(vote_leader(&sum)->votes, 3);
}
END_TEST

START_TEST(it_reaches_back_to_the_start_at_most)
{
	ck_assert_int_eq(recent_reach(10 * PERIOD + 5, 0), PERIOD + 5);
	ck_assert_int_eq(recent_reach(10 * PERIOD + 5, 10 * PERIOD), 5);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("recent");
	TCase *tests = tcase_create("recent");

	tcase_add_test(tests, two_minutes_count);
	tcase_add_test(tests, several_are_added_up);
	tcase_add_test(tests, it_reaches_back_to_the_start_at_most);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
