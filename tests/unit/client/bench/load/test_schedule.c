/* When the messages of an open loop are due, and over which connections. */
#include "client/bench/load/schedule.h"
#include "runner.h"

#define BEGIN INT64_C(1000000000000)

/* Message k is due k intervals after the beginning, over connection k modulo their number. */
START_TEST(one_worker_has_all)
{
	struct schedule schedule;

	schedule_begin(&schedule, BEGIN, 1000, 3, 0, 1);
	for (uint64_t k = 0; k < 10000; k++) {
		ck_assert_int_eq(schedule_next(&schedule), BEGIN + (int64_t)k * 1000000);
		ck_assert_int_eq(schedule_due(&schedule, k % 3, k / 3), schedule_next(&schedule));
		ck_assert_uint_eq(schedule_take(&schedule), k % 3);
	}
}
END_TEST

/* Together they have each message once, however many connections each of them has. */
START_TEST(workers_share_them)
{
	struct schedule schedules[3];

	for (uint64_t i = 0; i < 3; i++)
		schedule_begin(&schedules[i], BEGIN, 20000, 7, i, 3);
	for (uint64_t k = 0; k < 7000; k++) {
		struct schedule *schedule = &schedules[k % 7 % 3];

		ck_assert_int_eq(schedule_next(schedule), BEGIN + (int64_t)k * 50000);
		ck_assert_uint_eq(schedule_take(schedule), k % 7);
	}
}
END_TEST

/* A rate whose interval is no whole number of nanoseconds is kept for a day. */
START_TEST(it_does_not_drift)
{
	struct schedule schedule;
	const uint64_t day = UINT64_C(30000) * 86400;

	schedule_begin(&schedule, BEGIN, 30000, 64, 0, 1);
	ck_assert_int_le(llabs(schedule_due(&schedule, 0, day / 64) -
	    (BEGIN + INT64_C(86400) * 1000000000)), 1000);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("schedule");
	TCase *tests = tcase_create("schedule");

	tcase_add_test(tests, one_worker_has_all);
	tcase_add_test(tests, workers_share_them);
	tcase_add_test(tests, it_does_not_drift);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
