/* Results as JSON: what is written is read, what is at fault is named, and several are one. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/bench/show/merge.h"
#include "client/bench/show/object.h"
#include "client/bench/show/read.h"
#include "runner.h"
#include "sample.h"

#define FILES 4

static struct bench_result *result;
static char paths[FILES][32], *path_list[FILES];
static size_t files;
static char fault[BENCH_MERGE_FAULT_SIZE];

static void
setup(void)
{
	files = 0;
	result = sample_result(1, 5, 1000);
}

static void
teardown(void)
{
	bench_result_free(result);
	while (files > 0)
		unlink(paths[--files]);
}

static json_t *
object_of(const struct bench_result *of)
{
	json_t *object = bench_fields(of);

	ck_assert_ptr_nonnull(object);
	json_object_set_new(object, "mode", json_string("bench"));
	json_object_set_new(object, "uri", json_string(of->asked.target));
	return object;
}

/* As report_object() prints it. */
static char *
dump(const json_t *object)
{
	return json_dumps(object, JSON_REAL_PRECISION(9));
}

static struct bench_result *
read_again(const char *text)
{
	struct bench_result *again = bench_read_text(text, strlen(text), fault);

	ck_assert_msg(again != NULL, "%s", fault);
	return again;
}

static void
check_same_when_read(void)
{
	json_t *object = object_of(result), *other;
	char *text = dump(object), *text_again;
	struct bench_result *again = read_again(text);

	other = object_of(again);
	text_again = dump(other);
	ck_assert_str_eq(text, text_again);
	for (int i = 0; i < BENCH_TIMES; i++)
		ck_assert_mem_eq(again->times[i].buckets, result->times[i].buckets,
		    sizeof(result->times[i].buckets));
	free(text);
	free(text_again);
	json_decref(object);
	json_decref(other);
	bench_result_free(again);
}

START_TEST(what_is_written_is_read)
{
	check_same_when_read();
	sample_fault(result);
	result->fault.error = 104;
	check_same_when_read();
	result->fault.at = -1234567;
	check_same_when_read();
}
END_TEST

START_TEST(nothing_is_read_as_well)
{
	bench_result_free(result);
	result = bench_result_new();
	strcpy(result->asked.target, "udp://[::1]:7");
	check_same_when_read();
}
END_TEST

START_TEST(the_least_and_the_most_are_read)
{
	histogram_record(&result->times[BENCH_SLIP], 0);
	histogram_record(&result->times[BENCH_CORRECTED], HISTOGRAM_MOST * 2);
	histogram_record(&result->times[BENCH_CONNECT], HISTOGRAM_MOST);
	histogram_record_many(&result->times[BENCH_UNCORRECTED], 1073741825, 1000000000);
	memset(result->asked.sizes, '7', sizeof(result->asked.sizes) - 1);
	check_same_when_read();
}
END_TEST

/* --- what is at fault ------------------------------------------------------------------ */

/* Where, from the top, what is put there, NULL: it is taken out, and what is said. */
static const struct {
	const char *where[4], *value, *said;
} faults[] = {
	{ { "mode" }, "\"ping\"", "this is not what bench --json prints" },
	{ { "mode" }, NULL, "this is not what bench --json prints" },
	{ { "uri" }, "7", "uri: give a string of at most 271 bytes" },
	{ { "address" }, "7", "address: give a string of at most 116 bytes" },
	{ { "address" }, "\"\\u001b[2J\"", "address: give characters that can be printed" },
	{ { "tls" }, "7", "tls.version: is missing" },
	{ { "tls", "cipher" }, "\"\\u009b\"", "tls.cipher: give characters that can be printed" },
	{ { "asked", "sizes" }, "\"6\\n4\"", "asked.sizes: give characters that can be printed" },
	{ { "runs" }, "[]", "runs: give an array of 1 to 1024" },
	{ { "runs" }, "[\"1\"]", "runs[0]: give 16 hexadecimal digits" },
	{ { "started" }, "\"today\"", "started: give a time as 2026-11-26T13:00:00.000Z" },
	{ { "started" }, "\"2026-11-26T13:00:00.5Z\"",
	    "started: give a time as 2026-11-26T13:00:00.000Z" },
	{ { "seconds" }, "-1", "seconds: give a number from 0 to 1000000000" },
	{ { "seconds" }, "\"1\"", "seconds: give a number from 0 to 1000000000" },
	{ { "together" }, "1.5", "together: give a number from 0 to 1" },
	{ { "asked" }, NULL, "asked: is missing" },
	{ { "asked", "rate" }, NULL, "asked.rate: is missing" },
	{ { "asked", "churn" }, "0", "asked.churn: give true or false" },
	{ { "asked", "sizes" }, "null", "asked.sizes: give a string of at most 255 bytes" },
	{ { "counts", "sent" }, "-1",
	    "counts.sent: give a whole number from 0 to 1000000000000000" },
	{ { "counts", "sent" }, "1.5",
	    "counts.sent: give a whole number from 0 to 1000000000000000" },
	{ { "counts", "echoed" }, "9223372036854775807",
	    "counts.echoed: give a whole number from 0 to 1000000000000000" },
	{ { "errors" }, "[]", "errors.missing: is missing" },
	{ { "errors", "mute" }, "null",
	    "errors.mute: give a whole number from 0 to 1000000000000000" },
	{ { "first_error" }, "{}", "first_error.kind: is missing" },
	{ { "first_error", "seconds" }, "null",
	    "first_error.seconds: give a number from -1000000000 to 1000000000" },
	{ { "first_error", "seconds" }, "-1e10",
	    "first_error.seconds: give a number from -1000000000 to 1000000000" },
	{ { "first_error", "kind" }, "\"odd\"", "first_error.kind: give one of those in errors" },
	{ { "first_error", "expected" }, "256", "first_error.expected: give a byte, 0 to 255" },
	{ { "latency" }, "3", "latency.corrected: is missing" },
	{ { "latency", "slip" }, "{}", "latency.slip.buckets: give an array of at least one bucket" },
	{ { "latency", "slip", "count" }, "7", "latency.slip.count: is not the sum of its buckets" },
	{ { "latency", "slip", "min" }, "0.5", "latency.slip.min: lies outside of its bucket" },
	{ { "latency", "slip", "max" }, "0", "latency.slip.max: lies outside of its bucket" },
	{ { "latency", "slip", "max" }, "null", "latency.slip.max: lies outside of its bucket" },
	{ { "latency", "slip", "buckets" }, "[[5,1],[5,1]]",
	    "latency.slip.buckets[1]: give the start of a bucket, above that of the one before, and"
	    " a count" },
	{ { "latency", "slip", "buckets" }, "[[257,1]]",
	    "latency.slip.buckets[0]: give the start of a bucket, above that of the one before, and"
	    " a count" },
	{ { "latency", "slip", "buckets" }, "[[-1,1]]",
	    "latency.slip.buckets[0]: give the start of a bucket, above that of the one before, and"
	    " a count" },
	{ { "latency", "slip", "buckets" }, "[[5,0]]",
	    "latency.slip.buckets[0]: give the start of a bucket, above that of the one before, and"
	    " a count" },
	{ { "latency", "slip", "buckets" }, "[5]",
	    "latency.slip.buckets[0]: give the start of a bucket, above that of the one before, and"
	    " a count" },
	{ { "rows" }, "{}", "rows: give an array" },
	{ { "rows" }, "[null]", "rows[0].second: is missing" },
	{ { "rows" }, "[1]", "rows[0].second: is missing" },
};

static void
put(json_t *object, const char *const *where, const char *value)
{
	for (; where[1] != NULL; where++)
		object = json_object_get(object, where[0]);
	ck_assert_ptr_nonnull(json_object_get(object, where[0]));
	if (value == NULL)
		json_object_del(object, where[0]);
	else
		json_object_set_new(object, where[0], json_loads(value, JSON_DECODE_ANY, NULL));
}

START_TEST(what_is_at_fault_is_named)
{
	json_t *object;
	char *text;

	sample_fault(result);
	object = object_of(result);
	put(object, faults[_i].where, faults[_i].value);
	text = dump(object);
	ck_assert_ptr_null(bench_read_text(text, strlen(text), fault));
	ck_assert_str_eq(fault, faults[_i].said);
	free(text);
	json_decref(object);
}
END_TEST

START_TEST(rows_are_in_their_order)
{
	json_t *object = object_of(result);
	char *text;

	json_object_set_new(json_array_get(json_object_get(object, "rows"), 3), "second",
	    json_integer(2));
	text = dump(object);
	ck_assert_ptr_null(bench_read_text(text, strlen(text), fault));
	ck_assert_str_eq(fault, "rows[3].second: give a later one than before");
	free(text);
	json_decref(object);
}
END_TEST

START_TEST(what_is_no_json_is_told_by_its_line)
{
	static const char *const texts[] = { "", "{", "[]", "hello", "{\"mode\": \"bench\"\n]",
	    "{\"a\": 1, \"a\": 2}" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ck_assert_ptr_null(bench_read_text(texts[i], strlen(texts[i]), fault));
		ck_assert_ptr_nonnull(strstr(fault, i == 2 ? "this is not" : "line "));
	}
}
END_TEST

/* --- several are one ------------------------------------------------------------------- */

static void
save(const struct bench_result *of)
{
	json_t *object = object_of(of);
	int fd;

	strcpy(paths[files], "/tmp/test-read-XXXXXX");
	fd = mkstemp(paths[files]);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(json_dumpfd(object, fd, JSON_REAL_PRECISION(9)), 0);
	close(fd);
	path_list[files] = paths[files];
	files++;
	json_decref(object);
}

static int
compare(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Each of four clients had another range of times: what is merged is that of all samples. */
START_TEST(four_clients_are_one)
{
	const size_t each = 20000;
	int64_t *samples = calloc(FILES * each, sizeof(*samples));
	struct bench_result *merged;
	const double quantiles[] = { 0.01, 0.5, 0.9, 0.99, 0.999, 0.9999, 1 };

	for (size_t client = 0; client < FILES; client++) {
		struct bench_result *one = sample_result((int)client, 3, 100);

		memset(one->times, 0, sizeof(one->times));
		for (size_t i = 0; i < each; i++) {
			samples[client * each + i] = (int64_t)(random_bits() >> (30 + client * 3));
			histogram_record(&one->times[BENCH_CORRECTED], samples[client * each + i]);
		}
		save(one);
		bench_result_free(one);
	}
	qsort(samples, FILES * each, sizeof(*samples), compare);
	merged = bench_merge(path_list, FILES, fault);
	ck_assert_msg(merged != NULL, "%s", fault);
	ck_assert_uint_eq(merged->clients, FILES);
	ck_assert_uint_eq(merged->counts[BENCH_SENT], FILES * 300);
	ck_assert_uint_eq(merged->asked.connections, FILES * 64);
	ck_assert(fabs(bench_result_rate(merged) - 400) < 1e-6);
	ck_assert(bench_result_together(merged) == 1);
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
		const double exact = (double)samples[(size_t)ceil(quantiles[i] * FILES * each) - 1];
		const double told = (double)histogram_quantile(&merged->times[BENCH_CORRECTED],
		    quantiles[i]);

		ck_assert_double_le(fabs(told - exact) / exact, 0.004);
	}
	free(samples);
	bench_result_free(merged);
}
END_TEST

/* Each began 0.4 s before the one that is named before it. */
START_TEST(the_seconds_of_each_are_where_they_were)
{
	struct bench_result *merged;

	for (int client = 0; client < FILES; client++) {
		struct bench_result *one = sample_result(client, 1, 10);

		one->started -= 0.4 * client;
		save(one);
		bench_result_free(one);
	}
	merged = bench_merge(path_list, FILES, fault);
	ck_assert_msg(merged != NULL, "%s", fault);
	ck_assert(fabs(merged->started - (SAMPLE_STARTED - 1.2)) < 1e-3);
	ck_assert_uint_eq(merged->seconds.count, 2);
	ck_assert_uint_eq(merged->seconds.rows[0].echoed, 20); /* of those at 0 s and 0.4 s */
	ck_assert_uint_eq(merged->seconds.rows[1].echoed, 20);
	bench_result_free(merged);
}
END_TEST

START_TEST(one_alone_is_itself)
{
	struct bench_result *merged;

	save(result);
	merged = bench_merge(path_list, 1, fault);
	ck_assert_ptr_nonnull(merged);
	ck_assert_uint_eq(merged->clients, 1);
	bench_result_free(merged);
}
END_TEST

START_TEST(no_run_counts_twice)
{
	struct bench_result *other = sample_result(2, 5, 1000);

	save(result);
	ck_assert_ptr_null(bench_merge((char *[]){ paths[0], paths[0] }, 2, fault));
	ck_assert_ptr_nonnull(strstr(fault, ": runs: this run is in a file before it"));
	ck_assert(bench_result_add_client(other, result));
	save(other);
	ck_assert_ptr_null(bench_merge(path_list, 2, fault));
	ck_assert_ptr_nonnull(strstr(fault, ": runs: this run is in a file before it"));
	bench_result_free(other);
}
END_TEST

START_TEST(what_is_not_alike_is_refused)
{
	save(result);
	result->runs[0] = 9;
	strcpy(result->asked.target, "tcp://127.0.0.2:7");
	save(result);
	ck_assert_ptr_null(bench_merge(path_list, 2, fault));
	ck_assert_ptr_nonnull(strstr(fault, ": uri: is tcp://127.0.0.2:7, and of /tmp/test-read-"));
	strcpy(result->asked.target, "tcp://127.0.0.1:7");
	result->asked.rate = 0;
	save(result);
	ck_assert_ptr_null(bench_merge((char *[]){ paths[0], paths[2] }, 2, fault));
	ck_assert_ptr_nonnull(strstr(fault, ": asked.rate: one kept to a rate"));
}
END_TEST

START_TEST(what_is_not_there_is_named)
{
	static char nowhere[] = "/nowhere/x", folder[] = "/tmp";

	save(result);
	ck_assert_ptr_null(bench_merge((char *[]){ paths[0], nowhere }, 2, fault));
	ck_assert_str_eq(fault, "/nowhere/x: No such file or directory");
	ck_assert_ptr_null(bench_merge((char *[]){ paths[0], folder }, 2, fault));
	ck_assert_int_eq(strncmp(fault, "/tmp: ", 6), 0);
}
END_TEST

/* One after the other: the rate is that of all the time. */
START_TEST(clients_that_ran_one_after_the_other)
{
	struct bench_result *merged;

	save(result);
	result->runs[0] = 2;
	result->started += 5;
	save(result);
	merged = bench_merge(path_list, 2, fault);
	ck_assert_ptr_nonnull(merged);
	ck_assert(fabs(bench_result_together(merged) - 0.5) < 1e-9);
	ck_assert(fabs(bench_result_rate(merged) - 1000) < 1e-6);
	bench_result_free(merged);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("read");
	TCase *tests = tcase_create("read");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, what_is_written_is_read);
	tcase_add_test(tests, nothing_is_read_as_well);
	tcase_add_test(tests, the_least_and_the_most_are_read);
	tcase_add_loop_test(tests, what_is_at_fault_is_named, 0,
	    sizeof(faults) / sizeof(faults[0]));
	tcase_add_test(tests, rows_are_in_their_order);
	tcase_add_test(tests, what_is_no_json_is_told_by_its_line);
	tcase_add_test(tests, four_clients_are_one);
	tcase_add_test(tests, the_seconds_of_each_are_where_they_were);
	tcase_add_test(tests, one_alone_is_itself);
	tcase_add_test(tests, no_run_counts_twice);
	tcase_add_test(tests, what_is_not_alike_is_refused);
	tcase_add_test(tests, what_is_not_there_is_named);
	tcase_add_test(tests, clients_that_ran_one_after_the_other);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
