/* A run second by second: what several threads hand in, and rows that are added up. */
#include <pthread.h>

#include "client/bench/seconds.h"
#include "runner.h"

#define THREADS 4
#define SECONDS 50

static struct bench_clock *ticking;
static struct bench_seconds seconds;

static void
setup(void)
{
	ticking = bench_clock_new(2);
	ck_assert_ptr_nonnull(ticking);
}

static void
teardown(void)
{
	bench_clock_free(ticking);
	bench_seconds_free(&seconds);
}

static void
hand(uint64_t second, uint64_t echoed, int64_t time)
{
	static struct bench_tick tick;

	tick.row.echoed = echoed;
	tick.row.connections = 3;
	histogram_record_many(&tick.corrected, time, echoed);
	bench_clock_hand(ticking, second, &tick);
	ck_assert_uint_eq(tick.row.echoed, 0);
	ck_assert_uint_eq(tick.corrected.count, 0);
	ck_assert_uint_eq(tick.row.connections, 3);
}

START_TEST(a_row_is_made_when_the_last_has_handed_in)
{
	struct bench_second rows[2];

	hand(0, 99, 100);
	ck_assert_uint_eq(bench_clock_last(ticking, rows, 2), 0);
	hand(0, 1, 5);
	ck_assert_uint_eq(bench_clock_last(ticking, rows, 2), 1);
	ck_assert_uint_eq(rows[0].echoed, 100);
	ck_assert_uint_eq(rows[0].connections, 6);
	ck_assert_int_eq(rows[0].p50, 100);
	ck_assert_int_eq(rows[0].max, 100);
	ck_assert_uint_eq(bench_clock_sum(ticking).echoed, 100);
}
END_TEST

/* One thread hangs: it hands in later, and the rows stand in their order. */
START_TEST(a_thread_may_be_late)
{
	struct bench_second rows[2];

	for (uint64_t second = 0; second < 3; second++)
		hand(second, 10, 50);
	for (uint64_t second = 0; second < 3; second++)
		hand(second, second, 60);
	ck_assert_uint_eq(bench_clock_last(ticking, rows, 2), 2);
	ck_assert_uint_eq(rows[0].second, 1);
	ck_assert_uint_eq(rows[1].second, 2);
	ck_assert_uint_eq(rows[1].echoed, 12);
}
END_TEST

/* What it has not handed in is complete without it, now and later. */
START_TEST(a_thread_may_leave)
{
	struct bench_second rows[3];

	for (uint64_t second = 0; second < 2; second++)
		hand(second, 10, 50);
	hand(0, 1, 60);
	bench_clock_leave(ticking, 1);
	ck_assert_uint_eq(bench_clock_last(ticking, rows, 3), 2);
	hand(2, 10, 50);
	ck_assert_uint_eq(bench_clock_last(ticking, rows, 3), 3);
	for (uint64_t second = 0; second < 3; second++)
		ck_assert_uint_eq(rows[second].echoed, second == 0 ? 11 : 10);
}
END_TEST

/* The other one hangs: what the first had handed in before it left waits for that one. */
START_TEST(who_is_late_is_waited_for)
{
	struct bench_second row;

	hand(0, 10, 50);
	bench_clock_leave(ticking, 1);
	ck_assert_uint_eq(bench_clock_last(ticking, &row, 1), 0);
	hand(0, 1, 50);
	ck_assert_uint_eq(bench_clock_last(ticking, &row, 1), 1);
	ck_assert_uint_eq(row.echoed, 11);
	bench_clock_leave(ticking, 1);
}
END_TEST

START_TEST(what_is_not_complete_is_taken_at_the_end)
{
	hand(0, 1, 10);
	hand(0, 1, 10);
	hand(1, 1, 20);
	bench_clock_take(ticking, &seconds);
	ck_assert_uint_eq(seconds.count, 2);
	ck_assert_uint_eq(seconds.rows[1].echoed, 1);
	ck_assert_int_eq(seconds.rows[1].p99, 20);
}
END_TEST

static void *
work(void *arg)
{
	struct bench_tick *tick = arg;

	for (uint64_t second = 0; second < SECONDS; second++) {
		tick->row.echoed = 1;
		histogram_record(&tick->corrected, 7);
		bench_clock_hand(ticking, second, tick);
	}
	return NULL;
}

START_TEST(threads_hand_in_at_once)
{
	static struct bench_tick ticks[THREADS];
	pthread_t threads[THREADS];

	bench_clock_free(ticking);
	ticking = bench_clock_new(THREADS);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &ticks[i]), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	bench_clock_take(ticking, &seconds);
	ck_assert_uint_eq(seconds.count, SECONDS);
	for (size_t i = 0; i < seconds.count; i++) {
		ck_assert_uint_eq(seconds.rows[i].second, i);
		ck_assert_uint_eq(seconds.rows[i].echoed, THREADS);
	}
}
END_TEST

START_TEST(rows_of_two_clients_add_up)
{
	const struct bench_second rows[] = {
		{ .second = 5, .sent = 1, .p99 = 10, .max = 90 },
		{ .second = 3, .sent = 2, .p99 = 20 },
		{ .second = 5, .sent = 4, .p99 = 30, .max = 40 },
		{ .second = 4, .sent = 8 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert(bench_seconds_add(&seconds, &rows[i]));
	ck_assert_uint_eq(seconds.count, 3);
	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_eq(seconds.rows[i].second, i + 3);
	ck_assert_uint_eq(seconds.rows[2].sent, 5);
	ck_assert_int_eq(seconds.rows[2].p99, 30);
	ck_assert_int_eq(seconds.rows[2].max, 90);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("seconds");
	TCase *tests = tcase_create("seconds");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_row_is_made_when_the_last_has_handed_in);
	tcase_add_test(tests, a_thread_may_be_late);
	tcase_add_test(tests, a_thread_may_leave);
	tcase_add_test(tests, who_is_late_is_waited_for);
	tcase_add_test(tests, what_is_not_complete_is_taken_at_the_end);
	tcase_add_test(tests, threads_hand_in_at_once);
	tcase_add_test(tests, rows_of_two_clients_add_up);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
