/* The line for "systemctl status". */
#include <string.h>

#include "daemon/observe/status_line.h"
#include "runner.h"

static const struct count_case {
	uint64_t count;
	const char *text;
} counts[] = {
	{ 0, "0 " },
	{ 999, "999 " },
	{ 1000, "1.0 k" },
	{ 1099, "1.0 k" },
	{ 1234, "1.2 k" },
	{ 9999, "9.9 k" },
	{ 10000, "10 k" },
	{ 999999, "999 k" },
	{ 1000000, "1.0 M" },
	{ 34567890, "34 M" },
	{ 999999999999, "999 G" },
	{ 1500000000000, "1.5 T" },
	{ 2500000000000000, "2.5 P" },
	{ UINT64_MAX, "18 E" },
};
#define COUNT_COUNT ((int)(sizeof(counts) / sizeof(counts[0])))

START_TEST(counts_are_rounded_down)
{
	char text[STATUS_LINE_COUNT_SIZE];

	ck_assert_str_eq(status_line_count(counts[_i].count, text), counts[_i].text);
}
END_TEST

START_TEST(one_of_each_is_no_plural)
{
	const struct status_line status = {
		.listeners = 1, .connections = 1, .bytes = 1, .datagrams = 1,
	};
	char text[STATUS_LINE_SIZE];

	ck_assert_str_eq(status_line_format(&status, text),
	    "serving 1 listener, 1 connection; echoed 1 B, 1 datagram");
}
END_TEST

START_TEST(large_figures)
{
	const struct status_line status = {
		.listeners = 3, .connections = 4120, .bytes = 1234567890, .datagrams = 34567,
	};
	char text[STATUS_LINE_SIZE];

	ck_assert_str_eq(status_line_format(&status, text),
	    "serving 3 listeners, 4120 connections; echoed 1.2 GB, 34 k datagrams");
}
END_TEST

START_TEST(a_failed_reload_with_its_time)
{
	const struct status_line status = {
		.fault = "echod.conf:14: \"\xe4\n\"", .failed = 1700000000,
	};
	char text[STATUS_LINE_SIZE];

	ck_assert_str_eq(status_line_format(&status, text),
	    "serving 0 listeners, 0 connections; echoed 0 B, 0 datagrams; "
	    "reload failed 2023-11-14 22:13 UTC: echod.conf:14: \"??\"");
}
END_TEST

START_TEST(a_drain)
{
	char text[STATUS_LINE_SIZE];

	ck_assert_str_eq(status_line_format_drain(412, 29001, text),
	    "draining 412 connections, for at most 30 seconds");
	ck_assert_str_eq(status_line_format_drain(1, 1000, text),
	    "draining 1 connection, for at most 1 second");
	ck_assert_str_eq(status_line_format_drain(2, -1, text),
	    "draining 2 connections, for at most 0 seconds");
	ck_assert_str_eq(status_line_format_drain(0, 29001, text), "stopping");
}
END_TEST

START_TEST(a_long_fault_is_cut)
{
	char fault[2 * STATUS_LINE_SIZE], text[STATUS_LINE_SIZE];
	const struct status_line status = { .fault = fault };

	memset(fault, 'x', sizeof(fault) - 1);
	fault[sizeof(fault) - 1] = '\0';
	ck_assert_uint_eq(strlen(status_line_format(&status, text)), STATUS_LINE_SIZE - 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("status");
	TCase *tests = tcase_create("status");

	tcase_add_loop_test(tests, counts_are_rounded_down, 0, COUNT_COUNT);
	tcase_add_test(tests, one_of_each_is_no_plural);
	tcase_add_test(tests, large_figures);
	tcase_add_test(tests, a_failed_reload_with_its_time);
	tcase_add_test(tests, a_drain);
	tcase_add_test(tests, a_long_fault_is_cut);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
