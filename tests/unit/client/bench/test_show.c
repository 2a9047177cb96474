/* What shows a result, whatever the run was: text, rows, percentiles, a picture, and their files. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/bench/show/file.h"
#include "client/bench/show/line.h"
#include "client/bench/show/text.h"
#include "client/bench/show/units.h"
#include "runner.h"
#include "sample.h"

static struct bench_result *result;
static char folder[32], path[64];

static void
setup(void)
{
	result = sample_result(1, 3, 1000);
	strcpy(folder, "/tmp/test-show-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/file", folder);
}

static void
teardown(void)
{
	bench_result_free(result);
	unlink(path);
	ck_assert_int_eq(rmdir(folder), 0); /* nothing else was left there */
}

static void
print_plain(const struct bench_result *of, FILE *stream)
{
	bench_print(of, 80, false, stream);
}

static void
print_blocks(const struct bench_result *of, FILE *stream)
{
	bench_print(of, 80, true, stream);
}

static void (*const prints[])(const struct bench_result *of, FILE *stream) = {
	print_plain, print_blocks, bench_csv_print, bench_hgrm_print, bench_svg_print,
};

/* --- whatever the run was -------------------------------------------------------------- */

static struct bench_result *
nothing(void)
{
	return bench_result_new();
}

static struct bench_result *
all_lost(void)
{
	struct bench_result *of = sample_result(1, 2, 0);

	of->counts[BENCH_SENT] = of->errors[BENCH_ERROR_MISSING] = 1000;
	return of;
}

static struct bench_result *
one_message(void)
{
	struct bench_result *of = sample_result(1, 1, 1);

	of->elapsed = 0.3;
	of->asked.connections = 1;
	return of;
}

static struct bench_result *
all_alike(void)
{
	struct bench_result *of = sample_result(1, 1, 0);

	for (int i = 0; i < BENCH_TIMES; i++)
		histogram_record_many(&of->times[i], 1000, 1000000000);
	of->counts[BENCH_SENT] = of->counts[BENCH_ECHOED] = UINT64_C(1000000000);
	return of;
}

static struct bench_result *
the_least_and_the_most(void)
{
	struct bench_result *of = sample_result(1, 1, 0);

	for (int i = 0; i < BENCH_TIMES; i++) {
		histogram_record(&of->times[i], 0);
		histogram_record(&of->times[i], INT64_MAX);
	}
	return of;
}

static struct bench_result *
no_time_at_all(void)
{
	struct bench_result *of = sample_result(1, 1, 0);

	histogram_record(&of->times[BENCH_CORRECTED], 0);
	of->elapsed = 0;
	return of;
}

static struct bench_result *
seconds_far_apart(void)
{
	struct bench_result *of = sample_result(1, 3, 10);

	of->seconds.rows[2].second = 1000000000;
	return of;
}

static struct bench_result *
a_day(void)
{
	struct bench_result *of = sample_result(1, 86400, 0);

	for (size_t i = 0; i < of->seconds.count; i++)
		of->seconds.rows[i].echoed = i % 7;
	return of;
}

static struct bench_result *
every_error(void)
{
	struct bench_result *of = sample_result(1, 1, 100);

	for (int i = 0; i < BENCH_ERRORS; i++)
		of->errors[i] = UINT64_MAX / 100;
	sample_fault(of);
	of->fault.connection = of->fault.message = of->fault.offset = UINT64_MAX;
	of->fault.error = ECONNRESET;
	return of;
}

static struct bench_result *
odd_target(void)
{
	struct bench_result *of = sample_result(1, 1, 100);

	strcpy(of->asked.target, "unix:/tmp/<&>\"'\x01\033[31m\r\xff\xe6\x97\xa5");
	return of;
}

static struct bench_result *(*const runs[])(void) = {
	nothing, all_lost, one_message, all_alike, the_least_and_the_most, no_time_at_all,
	seconds_far_apart, a_day, every_error, odd_target,
};

static void
check_lines(char *text, bool is_wide)
{
	for (char *line; (line = strsep(&text, "\n")) != NULL;) {
		ck_assert_msg(strstr(line, "nan") == NULL && strstr(line, "inf") == NULL, "%s", line);
		ck_assert_msg(strpbrk(line, "\033\001\r") == NULL, "%s", line);
		ck_assert_msg(is_wide || line_width_of(line) <= 80, "%s", line);
	}
}

START_TEST(whatever_the_run_was)
{
	struct bench_result *of = runs[_i]();

	for (size_t i = 0; i < sizeof(prints) / sizeof(prints[0]); i++) {
		char *text = sample_text(prints[i], of);

		ck_assert_int_gt(strlen(text), 0);
		ck_assert_int_lt(strlen(text), 8 << 20);
		check_lines(text, i > 1);
		free(text);
	}
	bench_result_free(of);
}
END_TEST

/* --- text ------------------------------------------------------------------------------ */

static void
check_has(const char *text)
{
	char *all = sample_text(print_plain, result);

	ck_assert_msg(strstr(all, text) != NULL, "no \"%s\" in:\n%s", text, all);
	free(all);
}

static void
check_lacks(const char *text)
{
	char *all = sample_text(print_plain, result);

	ck_assert_msg(strstr(all, text) == NULL, "\"%s\" in:\n%s", text, all);
	free(all);
}

START_TEST(what_went_well)
{
	check_has("--- tcp://127.0.0.1:7 statistics ---\nasked       64 connections, 1 in flight on "
	    "each, 64 bytes, 1000/s,\n            3 s after 0.5 s to warm up\n");
	check_has("\nserver      127.0.0.1:7, over TLSv1.3, TLS_AES_256_GCM_SHA384\n");
	check_has("\nmessages    3000 sent, 3000 came back, 0% loss, in 3.000 s\n");
	check_has("\nrate        1000.0/s, sent 1000.0/s, each way 62.5 KiB/s, 512 kbit/s\n");
	check_has("\nclient      2 threads, 0.750 s of CPU, 250 us an echo\n");
	check_has("  p99.999 ");
	check_lacks("errors");
	check_lacks("itself");
}
END_TEST

START_TEST(what_went_wrong)
{
	sample_fault(result);
	result->counts[BENCH_NOT_SENT] = 5;
	check_has("3001 sent, 3000 came back, 5 not sent, 0.03332% loss");
	check_has("\nerrors\n           1  wrong      came back with wrong bytes\n"
	    "  first: wrong: connection 3, message 17, byte 1088 of the stream: sent 0x41,\n"
	    "         received 0x42, after 1.234568 s\n");
	result->counts[BENCH_UNDECIDED] = result->counts[BENCH_SENT];
	check_has("loss unknown");
}
END_TEST

START_TEST(where_a_connection_ended)
{
	const struct bench_fault fault = { .connection = 1, .message = 5, .offset = 320,
		.has_offset = true };

	bench_result_fault(result, BENCH_ERROR_CLOSED, &fault);
	check_has("first: closed: connection 1, message 5, byte 320 of the stream,");
	strcpy(result->asked.target, "udp://127.0.0.1:7");
	check_has("first: closed: connection 1, message 5, byte 320 of it, after ");
}
END_TEST

START_TEST(a_late_client_says_so)
{
	histogram_record_many(&result->times[BENCH_SLIP], 9000000, 3000);
	check_has("This client itself was late");
	ck_assert(bench_is_late(result));
}
END_TEST

START_TEST(a_likely_limit_is_named)
{
	result->counts[BENCH_SENT] = 30000;
	result->errors[BENCH_ERROR_MISSING] = 27000;
	check_lacks("by default");
	strcpy(result->asked.target, "udp://127.0.0.1:7");
	check_has("echod answers 1000 datagrams a second of one source by default");
	result->elapsed = 300;
	check_lacks("by default");
}
END_TEST

START_TEST(clients_that_did_not_run_together)
{
	struct bench_result *other = sample_result(2, 3, 1000);

	other->started += 3;
	ck_assert(bench_result_add_client(result, other));
	bench_result_free(other);
	check_has("by 2 clients");
	check_has("The clients ran for 50% of this time each");
}
END_TEST

START_TEST(units)
{
	static const struct {
		int64_t time;
		const char *text;
	} rows[] = {
		{ 0, "0 ns" }, { 999, "999 ns" }, { 1000, "1.00 us" }, { 9994, "9.99 us" },
		{ 9996, "10.0 us" }, { 99960, "100 us" }, { 999499, "999 us" },
		{ 999500, "1.00 ms" }, { 3600000000000, "3600 s" },
	};
	char text[UNITS_SIZE];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_str_eq(units_time(rows[i].time, text), rows[i].text);
	ck_assert_str_eq(units_bytes(1023, text), "1023 B");
	ck_assert_str_eq(units_bytes(1024, text), "1.00 KiB");
	ck_assert_str_eq(units_bits(125e6, text), "1.00 Gbit/s");
	ck_assert_str_eq(units_number(1e18, text), "1000000 T");
	ck_assert_str_eq(units_number(20000, text), "20.0 k");
}
END_TEST

/* --- files ----------------------------------------------------------------------------- */

START_TEST(a_row_a_second)
{
	char *text = sample_text(bench_csv_print, result);

	ck_assert_int_eq(strncmp(text, "second,sent,echoed,echoed_bytes,not_sent,errors,connections,"
	    "p50_seconds,p99_seconds,max_seconds\n0,1000,1000,64000,0,0,64,0.000020000,0.000090000,"
	    "0.001000000\n1,", 100), 0);
	free(text);
	result->seconds.rows[1].echoed = 0;
	text = sample_text(bench_csv_print, result);
	ck_assert_ptr_nonnull(strstr(text, "\n1,1000,0,64000,0,0,64,,,\n"));
	free(text);
}
END_TEST

/* Each value is that of its percentile, each count that of the times up to it. */
START_TEST(percentiles_as_hdrhistogram_has_them)
{
	const struct histogram *times = &result->times[BENCH_CORRECTED];
	char *text = sample_text(bench_hgrm_print, result), *rest = text, *line;
	double value, level, last = -1, beyond;
	unsigned long long count;
	size_t rows = 0;

	ck_assert_str_eq(strsep(&rest, "\n"),
	    "       Value     Percentile TotalCount 1/(1-Percentile)");
	ck_assert_str_eq(strsep(&rest, "\n"), "");
	while ((line = strsep(&rest, "\n")) != NULL && *line != '#') {
		const int fields = sscanf(line, "%lf %lf %llu %lf", &value, &level, &count, &beyond);

		ck_assert(fields == 4 || (fields == 3 && level == 1));
		ck_assert(level > last && level <= 1 && count <= times->count);
		ck_assert_double_le(fabs(value - (double)histogram_quantile(times, level) / 1e6), 1e-6);
		last = level;
		rows++;
	}
	ck_assert_uint_gt(rows, 40);
	ck_assert(level == 1 && count == times->count);
	ck_assert_ptr_nonnull(strstr(rest, "#[Max     = "));
	free(text);
}
END_TEST

static void
check_holds(const char *text)
{
	char there[64] = "";
	FILE *stream = fopen(path, "r");

	ck_assert_ptr_nonnull(stream);
	fgets(there, sizeof(there), stream);
	fclose(stream);
	ck_assert_str_eq(there, text);
}

static void
print_short(const struct bench_result *of, FILE *stream)
{
	(void)of;
	fputs("short\n", stream);
}

static void
print_half(const struct bench_result *of, FILE *stream)
{
	(void)of;
	fputs("half", stream);
	fflush(stream);
	close(fileno(stream)); /* as a full disk would have it: what comes then fails */
	fputs(" of it", stream);
}

START_TEST(a_file_is_replaced_once_it_is_whole)
{
	struct stat st;

	ck_assert_int_eq(bench_file_check(path), 0);
	ck_assert_int_eq(bench_file_write(path, print_short, result), 0);
	check_holds("short\n");
	ck_assert_int_eq(chmod(path, 0640), 0);
	ck_assert_int_eq(bench_file_check(path), 0);
	ck_assert_int_eq(bench_file_write(path, print_half, result), EBADF);
	check_holds("short\n");
	ck_assert_int_eq(bench_file_write(path, bench_csv_print, result), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0640);
}
END_TEST

START_TEST(a_link_stays_one)
{
	char link[64];
	struct stat st;

	snprintf(link, sizeof(link), "%s/link", folder);
	ck_assert_int_eq(bench_file_write(path, print_short, result), 0);
	ck_assert_int_eq(symlink("file", link), 0);
	ck_assert_int_eq(bench_file_write(link, print_half, result), EBADF);
	ck_assert_int_eq(bench_file_write(link, bench_csv_print, result), 0);
	ck_assert_int_eq(lstat(link, &st), 0);
	ck_assert(S_ISLNK(st.st_mode));
	unlink(link);
}
END_TEST

START_TEST(what_is_no_file_is_written_to)
{
	struct stat st;

	ck_assert_int_eq(bench_file_check("/dev/null"), 0);
	ck_assert_int_eq(bench_file_write("/dev/null", print_short, result), 0);
	ck_assert_int_eq(stat("/dev/null", &st), 0);
	ck_assert(S_ISCHR(st.st_mode));
	ck_assert_int_eq(bench_file_write("/dev/full", print_short, result), ENOSPC);
}
END_TEST

START_TEST(where_nothing_can_be_written)
{
	static const struct {
		const char *path;
		int error;
	} rows[] = {
		{ "", ENOENT }, { "/nowhere/x", ENOENT }, { "/tmp", EISDIR },
		{ "/dev/null/x", ENOTDIR },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_int_eq(bench_file_check(rows[i].path), rows[i].error);
		ck_assert_int_ne(bench_file_write(rows[i].path, print_short, result), 0);
	}
	ck_assert_int_eq(bench_file_check(path), 0);
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("show");
	TCase *tests = tcase_create("show");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, whatever_the_run_was, 0, sizeof(runs) / sizeof(runs[0]));
	tcase_add_test(tests, what_went_well);
	tcase_add_test(tests, what_went_wrong);
	tcase_add_test(tests, where_a_connection_ended);
	tcase_add_test(tests, a_late_client_says_so);
	tcase_add_test(tests, a_likely_limit_is_named);
	tcase_add_test(tests, clients_that_did_not_run_together);
	tcase_add_test(tests, units);
	tcase_add_test(tests, a_row_a_second);
	tcase_add_test(tests, percentiles_as_hdrhistogram_has_them);
	tcase_add_test(tests, a_file_is_replaced_once_it_is_whole);
	tcase_add_test(tests, a_link_stays_one);
	tcase_add_test(tests, what_is_no_file_is_written_to);
	tcase_add_test(tests, where_nothing_can_be_written);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
