/* The rate of datagrams: kept over time, and not made up for. */
#include "client/transport/pace.h"
#include "runner.h"

#define SECOND INT64_C(1000000000)
#define MILLISECOND INT64_C(1000000)

/* How many are sent in a second from `start` on, by a loop that looks every `step`. */
static int
sent_in_a_second(struct pace *pace, int64_t start, int64_t step)
{
	int count = 0;

	for (int64_t now = start; now < start + SECOND; now += step)
		while (count < 5000 && pace_due(pace) <= now) {
			pace_spend(pace, now);
			count++;
		}
	return count;
}

static const long rates[] = { 1, 2, 50, 99, 800, 1000 };

START_TEST(the_rate_is_kept_by_a_loop_that_is_late)
{
	const long rate = rates[_i];
	struct pace pace;

	for (int64_t step = MILLISECOND / 10; step <= 10 * MILLISECOND; step *= 10) {
		pace_init(&pace, rate);
		sent_in_a_second(&pace, 5 * SECOND, step);
		ck_assert_int_ge(sent_in_a_second(&pace, 6 * SECOND, step), rate * 99 / 100);
		ck_assert_int_le(sent_in_a_second(&pace, 7 * SECOND, step), rate + 1);
	}
}
END_TEST

START_TEST(a_pause_is_worth_a_fiftieth_of_a_second)
{
	const long rate = rates[_i];
	struct pace pace;

	pace_init(&pace, rate);
	sent_in_a_second(&pace, SECOND, MILLISECOND);
	ck_assert_int_le(sent_in_a_second(&pace, 100 * SECOND, MILLISECOND), rate + rate / 50 + 1);
}
END_TEST

START_TEST(no_limit)
{
	struct pace pace;

	pace_init(&pace, 0);
	ck_assert_int_eq(sent_in_a_second(&pace, SECOND, SECOND), 5000);
}
END_TEST

int
main(void)
{
	const int count = sizeof(rates) / sizeof(rates[0]);
	Suite *suite = suite_create("pace");
	TCase *cases = tcase_create("pace");

	tcase_add_loop_test(cases, the_rate_is_kept_by_a_loop_that_is_late, 0, count);
	tcase_add_loop_test(cases, a_pause_is_worth_a_fiftieth_of_a_second, 0, count);
	tcase_add_test(cases, no_limit);
	suite_add_tcase(suite, cases);
	return run_suite(suite);
}
