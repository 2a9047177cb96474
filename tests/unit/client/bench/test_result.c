/* Results of bench: summed up over threads and over clients, and what they amount to. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "client/bench/result.h"
#include "runner.h"

#define ck_assert_near(a, b) ck_assert(fabs((a) - (b)) < 1e-9)

static struct bench_result *one, *other;

static void
setup(void)
{
	one = bench_result_new();
	other = bench_result_new();
	ck_assert(one != NULL && other != NULL);
}

static void
teardown(void)
{
	bench_result_free(one);
	bench_result_free(other);
	bench_result_free(NULL);
}

static struct bench_fault
fault_at(int64_t at, uint64_t connection)
{
	return (struct bench_fault){ .at = at, .connection = connection };
}

START_TEST(the_first_fault_is_kept)
{
	const struct bench_fault early = fault_at(5, 1), late = fault_at(9, 2);

	bench_result_fault(one, BENCH_ERROR_WRONG, &late);
	bench_result_fault(one, BENCH_ERROR_RESET, &early);
	bench_result_fault(one, BENCH_ERROR_WRONG, &late);
	ck_assert_uint_eq(one->errors[BENCH_ERROR_WRONG], 2);
	ck_assert_int_eq(one->fault.kind, BENCH_ERROR_RESET);
	ck_assert_uint_eq(one->fault.connection, 1);
	ck_assert_uint_eq(bench_result_errors(one), 3);
	bench_result_fault(other, BENCH_ERROR_MUTE, &(struct bench_fault){ .at = 3 });
	bench_result_add_thread(one, other);
	ck_assert_int_eq(one->fault.kind, BENCH_ERROR_MUTE);
	ck_assert_uint_eq(bench_result_errors(one), 4);
}
END_TEST

START_TEST(what_it_amounts_to)
{
	ck_assert_near(bench_result_loss(one), -1);
	ck_assert_near(bench_result_rate(one), 0);
	one->elapsed = 2;
	one->counts[BENCH_SENT] = 110;
	one->counts[BENCH_UNDECIDED] = 10;
	one->counts[BENCH_ECHOED] = 80;
	one->counts[BENCH_ECHOED_BYTES] = 5120;
	ck_assert_near(bench_result_loss(one), 0.2);
	ck_assert_near(bench_result_rate(one), 40);
	ck_assert_near(bench_result_throughput(one), 2560);
	one->counts[BENCH_ECHOED] = 200; /* a result that somebody wrote */
	ck_assert_near(bench_result_loss(one), 0);
	one->counts[BENCH_UNDECIDED] = 111;
	ck_assert_near(bench_result_loss(one), -1);
}
END_TEST

static void
begin(struct bench_result *result, double started, const char *sizes)
{
	result->started = started;
	result->elapsed = 10;
	result->counts[BENCH_ECHOED] = 1000;
	snprintf(result->asked.sizes, BENCH_SIZES_SIZE, "%s", sizes);
	histogram_record_many(&result->times[BENCH_CORRECTED], 50, 1000);
	for (uint64_t i = 0; i < 10; i++)
		ck_assert(bench_seconds_add(&result->seconds,
		    &(struct bench_second){ .second = i, .echoed = 100 }));
}

/* One began three seconds before the other, whichever is added to which. */
START_TEST(clients_are_aligned_by_their_clocks)
{
	begin(one, _i == 0 ? 1003 : 1000, "64");
	begin(other, _i == 0 ? 1000 : 1003, "64");
	bench_result_fault(one, BENCH_ERROR_WRONG, &(struct bench_fault){ .at = 1000000000 });
	bench_result_fault(other, BENCH_ERROR_RESET, &(struct bench_fault){ .at = 2000000000 });
	ck_assert(bench_result_add_client(one, other));
	ck_assert_near(one->started, 1000);
	ck_assert_near(one->elapsed, 13);
	ck_assert_uint_eq(one->seconds.count, 13);
	ck_assert_uint_eq(one->seconds.rows[2].echoed, 100);
	ck_assert_uint_eq(one->seconds.rows[3].echoed, 200);
	ck_assert_uint_eq(one->seconds.rows[12].echoed, 100);
	ck_assert_int_eq(one->fault.kind, _i == 0 ? BENCH_ERROR_RESET : BENCH_ERROR_WRONG);
	ck_assert_uint_eq(one->clients, 2);
	ck_assert_uint_eq(one->times[BENCH_CORRECTED].count, 2000);
	ck_assert_str_eq(one->asked.sizes, "64");
}
END_TEST

START_TEST(sizes_are_told_once_each)
{
	char many[BENCH_SIZES_SIZE];

	begin(one, 1, "64");
	begin(other, 1, "4");
	ck_assert(bench_result_add_client(one, other));
	ck_assert_str_eq(one->asked.sizes, "64 + 4");
	ck_assert(bench_result_add_client(one, other));
	ck_assert_str_eq(one->asked.sizes, "64 + 4");
	memset(many, '7', sizeof(many) - 1);
	many[sizeof(many) - 1] = '\0';
	snprintf(other->asked.sizes, BENCH_SIZES_SIZE, "%s", many);
	ck_assert(bench_result_add_client(one, other));
	ck_assert_uint_eq(strlen(one->asked.sizes), BENCH_SIZES_SIZE - 1);
	ck_assert(bench_result_add_client(one, other));
}
END_TEST

START_TEST(each_has_its_words)
{
	for (int i = 0; i < BENCH_COUNTS; i++)
		ck_assert(*bench_count_word(i) != '\0');
	for (int i = 0; i < BENCH_ERRORS; i++)
		ck_assert(*bench_error_word(i) != '\0' && *bench_error_text(i) != '\0');
	ck_assert_str_eq(bench_time_word(BENCH_CONNECT), "connect");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("result");
	TCase *tests = tcase_create("result");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, the_first_fault_is_kept);
	tcase_add_test(tests, what_it_amounts_to);
	tcase_add_loop_test(tests, clients_are_aligned_by_their_clocks, 0, 2);
	tcase_add_test(tests, sizes_are_told_once_each);
	tcase_add_test(tests, each_has_its_words);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
