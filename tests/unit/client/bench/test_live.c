/* The block that tells how a run goes: how wide it is, and what is left of it where it is narrow. */
#include <stdio.h>
#include <string.h>

#include "client/bench/show/bars.h"
#include "client/bench/show/line.h"
#include "client/bench/show/live.h"
#include "runner.h"

static struct live_view view;
static char text[LIVE_TEXT_SIZE];

static void
setup(void)
{
	view = (struct live_view){ .target = "tcp://127.0.0.1:7", .elapsed = 12, .seconds = 30,
	    .echoed = 240000, .connections = 64, .asked = 64, .count = 12 };
	for (size_t i = 0; i < view.count; i++)
		view.rows[i] = (struct bench_second){ .second = i, .sent = 20000, .echoed = 20000,
		    .echoed_bytes = 1280000, .p50 = 21300, .p99 = 85300, .max = 1250000 };
}

/* Draws it, and checks what holds for all of them. */
static void
draw(unsigned columns, unsigned rows, bool utf8, bool colours)
{
	char copy[LIVE_TEXT_SIZE], *rest = copy;
	size_t lines = 0;

	live_draw(&view, &(struct live_paper){ columns, rows, utf8, colours }, text);
	strcpy(copy, text);
	for (char *line; (line = strsep(&rest, "\n")) != NULL; lines++)
		ck_assert_msg(line_width_of(line) < (columns > 1 ? columns : 2),
		    "%u columns: \"%s\" has %u", columns, line, line_width_of(line));
	ck_assert_uint_eq(lines, rows > 0 && rows < LIVE_LINES ? rows : LIVE_LINES);
	for (const char *at = text; *at != '\0'; at++) {
		ck_assert(utf8 || (unsigned char)*at < 0x80);
		ck_assert(colours || *at != '\033');
	}
}

/* Whatever there is to tell, and wherever it is told. */
START_TEST(no_line_is_wider_than_the_terminal)
{
	static const char *const targets[] = { "tcp://127.0.0.1:7", "unix:/tmp/\xe6\x97\xa5\xe6\x9c\xac",
	    "unix:/\x1b[31m\xff\n", "" };

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		for (unsigned columns = 1; columns <= 300; columns += columns < 90 ? 1 : 10)
			for (int kind = 0; kind < 4; kind++) {
				view.target = targets[i];
				draw(columns, 0, kind & 1, kind & 2);
			}
}
END_TEST

START_TEST(at_80_columns_all_is_told)
{
	draw(80, 0, true, false);
	ck_assert_str_eq(text,
	    "12 s of 30 s  64 of 64 connections  tcp://127.0.0.1:7\n"
	    "█████████████████████████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░   40%\n"
	    "20.0 k/s  p50 21.3 us  p99 85.3 us  1.22 MiB/s  max 1.25 ms\n"
	    "no errors  240000 echoed\n"
	    "████████████  up to 20.0 k/s");
}
END_TEST

START_TEST(at_40_columns_the_most_is_told)
{
	view.errors = 3;
	draw(40, 0, false, true);
	ck_assert_str_eq(text,
	    "12 s of 30 s  64 of 64 connections\n"
	    "#############--------------------   40%\n"
	    "20.0 k/s  p50 21.3 us  p99 85.3 us\n"
	    "\033[31m3 errors\033[m  240000 echoed\n"
	    "############  up to 20.0 k/s");
}
END_TEST

START_TEST(at_10_columns_something_is_told)
{
	draw(10, 0, false, false);
	ck_assert_str_eq(text, "12 s of 3\n#--   40%\n20.0 k/s\nno errors\n#########");
	draw(10, 2, false, false);
	ck_assert_str_eq(text, "12 s of 3\n#--   40%");
}
END_TEST

START_TEST(before_and_beyond_its_time)
{
	view.count = 0;
	view.phase = "warming up";
	view.elapsed = 1;
	draw(40, 0, true, false);
	ck_assert_ptr_nonnull(strstr(text, "warming up, 1 s"));
	ck_assert_ptr_nonnull(strstr(text, "  0%\n0/s  0 B/s\n"));
	ck_assert_str_eq(strrchr(text, '\n'), "\n");
	view.phase = NULL;
	view.elapsed = 31;
	draw(40, 0, true, false);
	ck_assert_ptr_nonnull(strstr(text, "100%"));
	view.seconds = 0;
	view.messages = 480000;
	draw(40, 0, true, false);
	ck_assert_ptr_nonnull(strstr(text, " 50%"));
	view.messages = 0;
	draw(40, 0, true, false);
	ck_assert_ptr_nonnull(strstr(text, "31 s  "));
}
END_TEST

/* Seconds that have no row, or more of them than there is room for. */
START_TEST(a_minute_has_its_place)
{
	view.count = LIVE_ROWS;
	for (size_t i = 0; i < view.count; i++)
		view.rows[i] = (struct bench_second){ .second = 1000 + i * 2, .echoed = i + 1 };
	draw(80, 0, false, false);
	ck_assert_str_eq(strrchr(text, '\n'), "\n = = = = = = = + + + + + + + + * * * * * * * # #"
	    " # # # # # #  up to 60/s");
}
END_TEST

START_TEST(a_line_for_what_is_no_terminal)
{
	view.errors = 2;
	live_tell(&view, text);
	ck_assert_str_eq(text,
	    "12 s: 20.0 k/s, 1.22 MiB/s, p50 21.3 us, p99 85.3 us, 2 errors");
	view.count = 0;
	live_tell(&view, text);
	ck_assert_str_eq(text, "12 s: 0/s, 0 B/s, p50 0 ns, p99 0 ns, 2 errors");
	view.phase = "connecting";
	live_tell(&view, text);
	ck_assert_str_eq(text, "12 s: connecting, 64 of 64 connections, 2 errors");
}
END_TEST

/* --- what it is made of ---------------------------------------------------------------- */

START_TEST(widths_are_columns)
{
	ck_assert_uint_eq(line_width_of("abc"), 3);
	ck_assert_uint_eq(line_width_of("█▏"), 2);
	ck_assert_uint_eq(line_width_of("日本"), 4);
	ck_assert_uint_eq(line_width_of("e\xcc\x81"), 1); /* an accent that stands above */
	ck_assert_uint_eq(line_width_of("\033[31mabc\033[m"), 3);
}
END_TEST

START_TEST(pieces_that_do_not_fit_are_left_out)
{
	struct line line;

	line_begin(&line, 10, true, false);
	line_add(&line, "%s", "日本");
	line_add(&line, "%s", "abcde");
	line_add(&line, "%s", "x");
	ck_assert_str_eq(line.text, "日本");
	line_begin(&line, 3, true, false);
	line_add(&line, "%s", "日本");
	ck_assert_str_eq(line.text, "日");
	line_begin(&line, 80, false, false);
	line_add(&line, "%s", "\xe6\x97\xa5\n");
	ck_assert_str_eq(line.text, "\\xe6\\x97\\xa5\\n");
}
END_TEST

START_TEST(bars)
{
	static const struct {
		double part;
		const char *utf8, *ascii;
	} rows[] = {
		{ 0, "", "" }, { 1e-9, "▏", "#" }, { 0.5, "██", "##" }, { 0.53, "██▏", "###" },
		{ 1, "████", "####" }, { 2, "████", "####" }, { -1, "", "" },
	};
	struct line line;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		line_begin(&line, 40, true, false);
		bar_add(&line, 4, rows[i].part);
		ck_assert_str_eq(line.text, rows[i].utf8);
		line_begin(&line, 40, false, false);
		bar_add(&line, 4, rows[i].part);
		ck_assert_str_eq(line.text, rows[i].ascii);
	}
	line_begin(&line, 40, false, false);
	bar_add_progress(&line, 4, 0.999);
	ck_assert_str_eq(line.text, "###-");
}
END_TEST

START_TEST(sparks)
{
	static const double none[3] = { 0 }, some[] = { 0, 1e-9, 4, 8 };
	struct line line;

	line_begin(&line, 40, true, false);
	spark_add(&line, none, 3);
	ck_assert_str_eq(line.text, "   ");
	line_begin(&line, 40, true, false);
	spark_add(&line, some, 4);
	ck_assert_str_eq(line.text, " ▁▄█");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("live");
	TCase *tests = tcase_create("live");

	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_add_test(tests, no_line_is_wider_than_the_terminal);
	tcase_add_test(tests, at_80_columns_all_is_told);
	tcase_add_test(tests, at_40_columns_the_most_is_told);
	tcase_add_test(tests, at_10_columns_something_is_told);
	tcase_add_test(tests, before_and_beyond_its_time);
	tcase_add_test(tests, a_minute_has_its_place);
	tcase_add_test(tests, a_line_for_what_is_no_terminal);
	tcase_add_test(tests, widths_are_columns);
	tcase_add_test(tests, pieces_that_do_not_fit_are_left_out);
	tcase_add_test(tests, bars);
	tcase_add_test(tests, sparks);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
