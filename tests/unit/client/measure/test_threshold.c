/* Thresholds: how they are written, and what does not hold them. */
#include <string.h>

#include "client/measure/threshold.h"
#include "runner.h"

static struct thresholds thresholds;
static struct tally tally;

static void
set_up(void)
{
	thresholds = (struct thresholds){ .count = 0 };
	tally = (struct tally){ .sent = 0 };
}

static void
tear_down(void)
{
	samples_free(&tally.rtt);
}

static const struct {
	const char *text;
	double most; /* negative: refused */
} losses[] = {
	{ "0", 0 }, { "0%", 0 }, { "1%", 0.01 }, { "1", 0.01 }, { "0.5%", 0.005 }, { ".5 %", 0.005 },
	{ "100%", 1 }, { "", -1 }, { "%", -1 }, { "100.1%", -1 }, { "-1%", -1 }, { "1%%", -1 },
	{ "1e1%", -1 }, { "0x1%", -1 }, { "nan", -1 }, { "inf%", -1 }, { " 1%", -1 }, { "1 ms", -1 },
	{ "1.2.3%", -1 },
};

START_TEST(loss)
{
	const char *fault = thresholds_add_loss(&thresholds, losses[_i].text);

	if (losses[_i].most < 0) {
		ck_assert_msg(fault != NULL, "%s", losses[_i].text);
		return;
	}
	ck_assert_ptr_null(fault);
	ck_assert_uint_eq(thresholds.count, 1);
	ck_assert_str_eq(thresholds.rows[0].name, "loss");
	ck_assert_double_eq_tol(thresholds.rows[0].most, losses[_i].most, 1e-12);
}
END_TEST

static const struct {
	const char *text;
	const char *name; /* NULL: refused */
	double most;
} rtts[] = {
	{ "p99:5ms", "p99", 0.005 }, { "p50:800us", "p50", 0.0008 }, { "max:1.5s", "max", 1.5 },
	{ "p99.9:5 ms", "p99.9", 0.005 }, { "avg:1ms", "avg", 0.001 }, { "mean:1ms", "avg", 0.001 },
	{ "min:0s", "min", 0 }, { "mdev:7µs", "mdev", 7e-6 }, { "p100:1s", "p100", 1 },
	{ "p99", NULL, 0 }, { "p99:", NULL, 0 }, { "p99:5", NULL, 0 }, { ":5ms", NULL, 0 },
	{ "5ms", NULL, 0 }, { "p0:5ms", NULL, 0 }, { "p101:5ms", NULL, 0 }, { "p:5ms", NULL, 0 },
	{ "p-1:5ms", NULL, 0 }, { "p99x:5ms", NULL, 0 }, { "p99:5m", NULL, 0 }, { "p99:5msx", NULL, 0 },
	{ "p99:-5ms", NULL, 0 }, { "p99:1e3ms", NULL, 0 }, { "p99:5ms,", NULL, 0 },
	{ "p99.99999:5ms", NULL, 0 }, { "median:5ms", NULL, 0 }, { "loss:5ms", NULL, 0 },
	{ "P99:5ms", NULL, 0 }, { "", NULL, 0 },
};

START_TEST(rtt)
{
	const char *fault = thresholds_add_rtt(&thresholds, rtts[_i].text);

	if (rtts[_i].name == NULL) {
		ck_assert_msg(fault != NULL, "%s", rtts[_i].text);
		return;
	}
	ck_assert_ptr_null(fault);
	ck_assert_uint_eq(thresholds.count, 1);
	ck_assert_str_eq(thresholds.rows[0].name, rtts[_i].name);
	ck_assert_double_eq_tol(thresholds.rows[0].most, rtts[_i].most, 1e-12);
}
END_TEST

START_TEST(several)
{
	ck_assert_ptr_null(thresholds_add_rtt(&thresholds, "p50:1ms,p99:5ms,max:1s"));
	ck_assert_ptr_null(thresholds_add_rtt(&thresholds, "avg:2ms"));
	ck_assert_uint_eq(thresholds.count, 4);
	ck_assert_str_eq(thresholds.rows[2].name, "max");
	while (thresholds.count < THRESHOLDS_MAX)
		ck_assert_ptr_null(thresholds_add_loss(&thresholds, "1%"));
	ck_assert_ptr_nonnull(strstr(thresholds_add_loss(&thresholds, "1%"), "more than 16"));
	ck_assert_uint_eq(thresholds.count, THRESHOLDS_MAX);
}
END_TEST

/* Of each of them. */
START_TEST(kinds)
{
	ck_assert_ptr_null(thresholds_add_rtt(&thresholds, "min:1s,mean:1s,max:1s,mdev:1s,p99.9:1s"));
	ck_assert_ptr_null(thresholds_add_rate(&thresholds, 5000));
	ck_assert(!thresholds_limit_loss(&thresholds));
	ck_assert_ptr_null(thresholds_add_loss(&thresholds, "1%"));
	ck_assert(thresholds_limit_loss(&thresholds));
	ck_assert_int_eq(thresholds.rows[0].kind, OF_MIN);
	ck_assert_int_eq(thresholds.rows[1].kind, OF_AVG);
	ck_assert_int_eq(thresholds.rows[2].kind, OF_MAX);
	ck_assert_int_eq(thresholds.rows[3].kind, OF_MDEV);
	ck_assert_int_eq(thresholds.rows[4].kind, OF_PERCENTILE);
	ck_assert_double_eq_tol(thresholds.rows[4].percent, 99.9, 1e-12);
	ck_assert_int_eq(thresholds.rows[5].kind, OF_RATE);
	ck_assert_int_eq(thresholds.rows[6].kind, OF_LOSS);
}
END_TEST

/* 1 of 1,000 lost, of each of several limits that are just that. */
START_TEST(loss_holds)
{
	char text[THRESHOLD_TEXT_SIZE];

	ck_assert_ptr_null(thresholds_add_loss(&thresholds, "0.1%"));
	ck_assert(!threshold_holds(&thresholds.rows[0], &tally));
	ck_assert_str_eq(threshold_tell(&thresholds.rows[0], &tally, text), "loss is unknown");
	tally.received = 999;
	ck_assert(threshold_holds(&thresholds.rows[0], &tally));
	tally.missing = 1;
	ck_assert(threshold_holds(&thresholds.rows[0], &tally));
	tally.spoilt = 1;
	ck_assert(!threshold_holds(&thresholds.rows[0], &tally));
	ck_assert_str_eq(threshold_tell(&thresholds.rows[0], &tally, text),
	    "loss is 0.1998002%, more than 0.1%");
	tally = (struct tally){ .received = 998999999990, .missing = 1000000010 };
	ck_assert_str_eq(threshold_tell(&thresholds.rows[0], &tally, text),
	    "loss is 0.100000001%, more than 0.1%");
}
END_TEST

/* Of 1 ms to 1,000 ms the one of each rank. */
static const struct {
	const char *holds, *fails, *told;
} limits[] = {
	{ "p99:990ms", "p99:989.999ms", "p99 is 990 ms, more than 989.999 ms" },
	{ "p99.9:999ms", "p99.9:998ms", "p99.9 is 999 ms, more than 998 ms" },
	{ "p50:0.5s", "p50:499ms", "p50 is 500 ms, more than 499 ms" },
	{ "p100:1s", "p100:999ms", "p100 is 1000 ms, more than 999 ms" },
	{ "max:1s", "max:999ms", "max is 1000 ms, more than 999 ms" },
	{ "min:1000us", "min:999us", "min is 1 ms, more than 0.999 ms" },
	{ "avg:500.5ms", "avg:500ms", "avg is 500.5 ms, more than 500 ms" },
	{ "mdev:289ms", "mdev:288ms", "mdev is 288.675 ms, more than 288 ms" },
	{ "p99:990ms", "p99:989.9999ms", "p99 is 990 ms, more than 989.9999 ms" },
	{ "mdev:289ms", "mdev:288.6749ms", "mdev is 288.675 ms, more than 288.6749 ms" },
};

START_TEST(rtt_holds)
{
	char text[THRESHOLD_TEXT_SIZE];

	ck_assert_ptr_null(thresholds_add_rtt(&thresholds, limits[_i].holds));
	ck_assert_ptr_null(thresholds_add_rtt(&thresholds, limits[_i].fails));
	ck_assert(!threshold_holds(&thresholds.rows[0], &tally));
	ck_assert_ptr_nonnull(strstr(threshold_tell(&thresholds.rows[0], &tally, text),
	    " is unknown"));
	for (int i = 0; i < 1000; i++)
		ck_assert(samples_add(&tally.rtt, (i * 7 % 1000 + 1) / 1000.0));
	ck_assert(threshold_holds(&thresholds.rows[0], &tally));
	ck_assert(!threshold_holds(&thresholds.rows[1], &tally));
	ck_assert_str_eq(threshold_tell(&thresholds.rows[1], &tally, text), limits[_i].told);
}
END_TEST

/* How little the difference is. */
START_TEST(a_difference_is_told)
{
	char text[THRESHOLD_TEXT_SIZE];

	ck_assert_ptr_null(thresholds_add_rtt(&thresholds, "p99:5ms"));
	ck_assert(samples_add(&tally.rtt, 0.0050000004));
	ck_assert(!threshold_holds(&thresholds.rows[0], &tally));
	ck_assert_str_eq(threshold_tell(&thresholds.rows[0], &tally, text),
	    "p99 is 5.0000004 ms, more than 5 ms");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("threshold");
	TCase *tests = tcase_create("threshold");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_loop_test(tests, loss, 0, sizeof(losses) / sizeof(losses[0]));
	tcase_add_loop_test(tests, rtt, 0, sizeof(rtts) / sizeof(rtts[0]));
	tcase_add_test(tests, several);
	tcase_add_test(tests, kinds);
	tcase_add_test(tests, loss_holds);
	tcase_add_loop_test(tests, rtt_holds, 0, sizeof(limits) / sizeof(limits[0]));
	tcase_add_test(tests, a_difference_is_told);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
