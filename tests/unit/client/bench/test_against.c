/* Two targets compared: what is said of them, and what is not. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/bench/against.h"
#include "random.h"
#include "runner.h"

static struct against against;

static void
setup(void)
{
	against = (struct against){ .uris = { "tcp://[::1]:7", "tcp://[::1]:8" } };
}

static void
teardown(void)
{
	against_dispose(&against);
}

/* A second with so many echoes, without times. */
static struct bench_result *
result_of(uint64_t echoed)
{
	struct bench_result *result = bench_result_new();

	ck_assert_ptr_nonnull(result);
	result->elapsed = 1;
	result->counts[BENCH_ECHOED] = echoed;
	return result;
}

static void
add_round(uint64_t first, uint64_t second)
{
	struct against_round *round = &against.rounds[against.count++];

	round->results[0] = result_of(first);
	round->results[1] = result_of(second);
}

static struct against_ratio
rate(void)
{
	struct against_ratio ratios[AGAINST_RATIOS];

	against_ratios(&against, ratios);
	return ratios[0];
}

static void
check_printed(const char *words, bool printed)
{
	char text[2000] = "";
	FILE *stream = fmemopen(text, sizeof(text), "w");

	against_print(&against, stream);
	fclose(stream);
	ck_assert_msg((strstr(text, words) != NULL) == printed, "%s", text);
}

START_TEST(three_rounds_have_ratios_and_no_verdict)
{
	add_round(200, 100);
	add_round(400, 100);
	add_round(300, 100);
	ck_assert(rate().least == 2 && rate().median == 3 && rate().most == 4);
	ck_assert_int_eq(rate().more, AGAINST_FEW);
	check_printed("  more", false);
	check_printed("No verdict from fewer than 5 rounds.", true);
}
END_TEST

START_TEST(five_rounds_apart_are_told)
{
	for (uint64_t i = 0; i < 5; i++)
		add_round(_i == 0 ? 105 + i : 100 + i, _i == 0 ? 104 - i : 105 + i);
	ck_assert_int_eq(rate().more, _i == 0 ? AGAINST_FIRST : AGAINST_SECOND);
	check_printed(_i == 0 ? "  more" : "  fewer", true);
	check_printed("No verdict", false);
}
END_TEST

/* The first is ahead in each round, and both change by more than that from round to round. */
START_TEST(rounds_that_overlap_tell_nothing)
{
	for (uint64_t i = 0; i < 9; i++)
		add_round(102 + 10 * i, 100 + 10 * i);
	ck_assert(rate().least > 1);
	ck_assert_int_eq(rate().more, AGAINST_NEITHER);
	check_printed("no clear difference", true);
}
END_TEST

START_TEST(rounds_without_a_figure_do_not_count)
{
	for (uint64_t i = 0; i < 4; i++)
		add_round(200, 100);
	add_round(200, 0);
	ck_assert_int_eq(rate().more, AGAINST_FEW);
	add_round(200, 100);
	ck_assert_int_eq(rate().more, AGAINST_FIRST);
	check_printed(" nan ", true);
}
END_TEST

/* Of two targets that are alike, about 2 of 252 are told apart. */
START_TEST(what_is_alike_is_rarely_told_apart)
{
	unsigned told = 0;

	random_begin(1);
	for (int i = 0; i < 2000; i++) {
		against_dispose(&against);
		setup();
		for (int j = 0; j < AGAINST_ROUNDS_TOLD; j++)
			add_round(1000 + random_below(1000), 1000 + random_below(1000));
		told += rate().more != AGAINST_NEITHER;
	}
	ck_assert_uint_le(told, 2000 / 80);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("against");
	TCase *tests = tcase_create("against");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, three_rounds_have_ratios_and_no_verdict);
	tcase_add_loop_test(tests, five_rounds_apart_are_told, 0, 2);
	tcase_add_test(tests, rounds_that_overlap_tell_nothing);
	tcase_add_test(tests, rounds_without_a_figure_do_not_count);
	tcase_add_test(tests, what_is_alike_is_rarely_told_apart);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
