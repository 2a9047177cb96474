/* The ledger: which refusals are told in the log. */
#include "daemon/account/ledger.h"
#include "runner.h"

START_TEST(one_refusal_in_ten_seconds_is_told)
{
	struct refusal_note note = { .told = false };
	uint64_t untold = 99;

	/* The clock may begin at 0. */
	ck_assert(refusal_is_told(&note, 0, &untold));
	ck_assert_uint_eq(untold, 0);
	for (int i = 0; i < 7; i++)
		ck_assert(!refusal_is_told(&note, 9999, &untold));
	ck_assert(refusal_is_told(&note, 10000, &untold));
	ck_assert_uint_eq(untold, 7);
	ck_assert(!refusal_is_told(&note, 19999, &untold));
	ck_assert(refusal_is_told(&note, 50000, &untold));
	ck_assert_uint_eq(untold, 1);
	ck_assert(refusal_is_told(&note, 60000, &untold));
	ck_assert_uint_eq(untold, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ledger");
	TCase *tcase = tcase_create("ledger");

	tcase_add_test(tcase, one_refusal_in_ten_seconds_is_told);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
