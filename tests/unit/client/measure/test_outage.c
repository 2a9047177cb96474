/* When the far end fell silent, and for how long it was away. */
#include "client/measure/outage.h"
#include "runner.h"

START_TEST(silence_counts_from_the_first_message_without_an_answer)
{
	struct outage outage = { 0 };
	int64_t at;

	ck_assert(!outage_due(&outage, 100, &at));
	outage_sent(&outage, 10);
	outage_sent(&outage, 20);
	ck_assert(outage_due(&outage, 100, &at));
	ck_assert_int_eq(at, 110);
	ck_assert_int_eq(outage_heard(&outage, 30), 0);
	ck_assert(!outage_due(&outage, 100, &at));
	outage_sent(&outage, 40);
	ck_assert(outage_due(&outage, 100, &at));
	ck_assert_int_eq(at, 140);
	outage_forget(&outage);
	ck_assert(!outage_due(&outage, 100, &at));
}
END_TEST

START_TEST(it_ends_with_what_is_heard)
{
	struct outage outage = { 0 };

	ck_assert(outage_begin(&outage, 10));
	ck_assert(!outage_begin(&outage, 20));
	outage_sent(&outage, 30);
	ck_assert_int_eq(outage_total(&outage, 50), 40);
	ck_assert_int_eq(outage_heard(&outage, 60), 50);
	ck_assert_int_eq(outage_heard(&outage, 70), 0);
	ck_assert_int_eq(outage_total(&outage, 80), 50);
	ck_assert(outage_begin(&outage, 100));
	ck_assert_int_eq(outage_total(&outage, 110), 60);
	ck_assert_int_eq(outage_heard(&outage, 120), 20);
	ck_assert_int_eq(outage_total(&outage, 200), 70);
}
END_TEST

/* What is heard may have come before it was known to be away. */
START_TEST(it_never_lasts_less_than_nothing)
{
	struct outage outage = { 0 };

	ck_assert(outage_begin(&outage, 10));
	ck_assert_int_eq(outage_heard(&outage, 5), 0);
	ck_assert_int_eq(outage_total(&outage, 20), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("outage");
	TCase *tests = tcase_create("outage");

	tcase_add_test(tests, silence_counts_from_the_first_message_without_an_answer);
	tcase_add_test(tests, it_ends_with_what_is_heard);
	tcase_add_test(tests, it_never_lasts_less_than_nothing);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
