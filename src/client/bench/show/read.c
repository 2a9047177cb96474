/* A result read from JSON: see read.h. */
#include "client/bench/show/read.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/bench/show/line.h"

/* What no run comes near, so that sums of many results do not overflow. */
#define COUNT_MOST INT64_C(1000000000000000)
#define SECONDS_MOST 1e9

/* What is lost of a time where it is written in nine digits. */
#define ROUNDING 1e-8

/* Where in the file: of what is wrong first, the rest is told nothing. */
struct place {
	char *fault; /* "" as long as all is right */
	const char *above;
	int index;   /* in the array `above`; -1: it is an object */
};

static void __attribute__((format(printf, 3, 4)))
refuse(const struct place *place, const char *name, const char *format, ...)
{
	int length;
	va_list args;

	if (*place->fault != '\0')
		return;
	length = snprintf(place->fault, BENCH_READ_FAULT_SIZE, "%s", place->above);
	if (place->index >= 0)
		length += snprintf(place->fault + length, BENCH_READ_FAULT_SIZE - (size_t)length,
		    "[%d]", place->index);
	length += snprintf(place->fault + length, BENCH_READ_FAULT_SIZE - (size_t)length, "%s%s: ",
	    length > 0 && *name != '\0' ? "." : "", name);
	va_start(args, format);
	vsnprintf(place->fault + length, BENCH_READ_FAULT_SIZE - (size_t)length, format, args);
	va_end(args);
}

/* --- values ---------------------------------------------------------------------------- */

static const json_t *
member(const struct place *place, const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	if (value == NULL)
		refuse(place, name, "is missing");
	return value;
}

static uint64_t
count_of(const struct place *place, const json_t *object, const char *name)
{
	const json_t *value = member(place, object, name);
	const json_int_t count = json_integer_value(value);

	if (!json_is_integer(value) || count < 0 || count > COUNT_MOST) {
		refuse(place, name, "give a whole number from 0 to %" PRId64, COUNT_MOST);
		return 0;
	}
	return (uint64_t)count;
}

static double
number_within(const struct place *place, const json_t *object, const char *name, double least,
    double most)
{
	const json_t *value = member(place, object, name);
	const double number = json_number_value(value);

	if (json_is_number(value) && number >= least && number <= most)
		return number;
	refuse(place, name, "give a number from %.0f to %.0f", least, most);
	return 0;
}

static double
number_of(const struct place *place, const json_t *object, const char *name, double most)
{
	return number_within(place, object, name, 0, most);
}

static bool
is_null(const struct place *place, const json_t *object, const char *name)
{
	return json_is_null(member(place, object, name));
}

static double
number_or_null(const struct place *place, const json_t *object, const char *name, double most)
{
	return is_null(place, object, name) ? 0 : number_of(place, object, name, most);
}

static uint64_t
count_or_null(const struct place *place, const json_t *object, const char *name)
{
	return is_null(place, object, name) ? 0 : count_of(place, object, name);
}

static int64_t
time_or_null(const struct place *place, const json_t *object, const char *name)
{
	return llround(number_or_null(place, object, name, SECONDS_MOST) * 1e9);
}

static bool
truth_of(const struct place *place, const json_t *object, const char *name)
{
	const json_t *value = member(place, object, name);

	if (!json_is_boolean(value))
		refuse(place, name, "give true or false");
	return json_is_true(value);
}

static void
text_of(const struct place *place, const json_t *object, const char *name, char *text, size_t size)
{
	const char *value = json_string_value(member(place, object, name));

	*text = '\0';
	if (value == NULL || strlen(value) >= size)
		refuse(place, name, "give a string of at most %zu bytes", size - 1);
	else
		memcpy(text, value, strlen(value) + 1);
}

/* Of strings that are printed: nothing that would do more to a terminal. */
static void
check_characters(const struct place *place, const char *name, const char *text)
{
	unsigned width;

	for (size_t size; *text != '\0'; text += size) {
		size = line_character(text, &width);
		if (size == 0) {
			refuse(place, name, "give characters that can be printed");
			return;
		}
	}
}

/* --- what was asked, and counted ------------------------------------------------------- */

/* The place of a member of the object that the file is. */
static struct place
below(const struct place *top, const char *name)
{
	return (struct place){ top->fault, name, -1 };
}

static void
read_asked(const struct place *top, const json_t *object, struct bench_asked *asked)
{
	const struct place place = below(top, "asked");

	asked->connections = count_of(&place, object, "connections");
	asked->in_flight = count_of(&place, object, "in_flight");
	text_of(&place, object, "sizes", asked->sizes, sizeof(asked->sizes));
	check_characters(&place, "sizes", asked->sizes);
	asked->rate = number_or_null(&place, object, "rate", (double)COUNT_MOST);
	asked->seconds = number_or_null(&place, object, "seconds", SECONDS_MOST);
	asked->messages = count_or_null(&place, object, "messages");
	asked->warm_up = number_of(&place, object, "warm_up", SECONDS_MOST);
	asked->ramp = number_or_null(&place, object, "ramp", (double)COUNT_MOST);
	asked->wait = number_of(&place, object, "wait", SECONDS_MOST);
	asked->threads = count_of(&place, object, "threads");
	asked->churn = truth_of(&place, object, "churn");
	asked->spin = truth_of(&place, object, "spin");
	asked->kernel_time = truth_of(&place, object, "kernel_time");
}

static void
read_counts(const struct place *top, const json_t *object, uint64_t counts[BENCH_COUNTS])
{
	const struct place place = below(top, "counts");

	for (int i = 0; i < BENCH_COUNTS; i++)
		counts[i] = count_of(&place, object, bench_count_word((enum bench_count)i));
}

static void
read_errors(const struct place *top, const json_t *object, uint64_t errors[BENCH_ERRORS])
{
	const struct place place = below(top, "errors");

	for (int i = 0; i < BENCH_ERRORS; i++)
		errors[i] = count_of(&place, object, bench_error_word((enum bench_error)i));
}

static bool
find_kind(const char *word, enum bench_error *kind)
{
	for (int i = 0; i < BENCH_ERRORS && word != NULL; i++)
		if (strcmp(word, bench_error_word((enum bench_error)i)) == 0) {
			*kind = (enum bench_error)i;
			return true;
		}
	return false;
}

static unsigned char
byte_of(const struct place *place, const json_t *object, const char *name)
{
	const uint64_t value = count_of(place, object, name);

	if (value > 255)
		refuse(place, name, "give a byte, 0 to 255");
	return (unsigned char)value;
}

static void
read_fault(const struct place *top, const json_t *object, struct bench_fault *to)
{
	const struct place place = below(top, "first_error");

	if (json_is_null(object))
		return;
	to->is_set = true;
	if (!find_kind(json_string_value(member(&place, object, "kind")), &to->kind))
		refuse(&place, "kind", "give one of those in errors");
	to->at = llround(number_within(&place, object, "seconds", -SECONDS_MOST, SECONDS_MOST) * 1e9);
	to->connection = count_of(&place, object, "connection");
	to->message = count_of(&place, object, "message");
	to->error = (int)count_or_null(&place, object, "errno");
	to->has_offset = !is_null(&place, object, "offset");
	to->offset = count_or_null(&place, object, "offset");
	to->has_bytes = !is_null(&place, object, "expected");
	if (!to->has_bytes)
		return;
	to->expected = byte_of(&place, object, "expected");
	to->got = byte_of(&place, object, "seen");
}

/* --- times ----------------------------------------------------------------------------- */

/* The buckets come in their order, none twice. */
static void
read_bucket(const struct place *place, const json_t *pair, struct histogram *to)
{
	const json_int_t low = json_integer_value(json_array_get(pair, 0));
	const json_int_t count = json_integer_value(json_array_get(pair, 1));

	if (json_array_size(pair) != 2 || !json_is_integer(json_array_get(pair, 0)) ||
	    histogram_bucket_of(low).low != low || (to->count > 0 && low <= to->max) ||
	    count < 1 || count > COUNT_MOST)
		refuse(place, "", "give the start of a bucket, above that of the one before, and a"
		    " count");
	else
		histogram_record_many(to, low, (uint64_t)count);
}

/* What lies in the bucket that starts at `low`, but for the rounding. */
static int64_t
read_exact(const struct place *place, const json_t *object, const char *name, int64_t low)
{
	const struct histogram_bucket bucket = histogram_bucket_of(low);
	const int64_t time = time_or_null(place, object, name);
	const int64_t slack = 1 + (int64_t)((double)time * ROUNDING);
	const int64_t high = bucket.high < HISTOGRAM_MOST ? bucket.high : INT64_MAX - slack;

	if (time < low - slack || time > high + slack)
		refuse(place, name, "lies outside of its bucket");
	return time < low ? low : time > high ? high : time;
}

static void
read_time(const struct place *top, const json_t *latency, enum bench_time time,
    struct histogram *to)
{
	const char *word = bench_time_word(time);
	const struct place above = below(top, "latency");
	const json_t *object = member(&above, latency, word);
	const json_t *array = json_object_get(object, "buckets");
	char name[64], names[80];
	const struct place place = below(top, name);

	snprintf(name, sizeof(name), "latency.%s", word);
	snprintf(names, sizeof(names), "%s.buckets", name);
	if (json_is_null(object))
		return;
	if (json_array_size(array) == 0)
		refuse(&place, "buckets", "give an array of at least one bucket");
	for (size_t i = 0; i < json_array_size(array) && *top->fault == '\0'; i++)
		read_bucket(&(struct place){ top->fault, names, (int)i }, json_array_get(array, i), to);
	if (count_of(&place, object, "count") != to->count)
		refuse(&place, "count", "is not the sum of its buckets");
	to->min = read_exact(&place, object, "min", to->min);
	to->max = read_exact(&place, object, "max", to->max);
	if (to->min > to->max)
		refuse(&place, "min", "is more than max");
}

static void
read_row(const struct place *place, const json_t *object, struct bench_seconds *to)
{
	const struct bench_second row = {
		.second = count_of(place, object, "second"),
		.sent = count_of(place, object, "sent"),
		.echoed = count_of(place, object, "echoed"),
		.echoed_bytes = count_of(place, object, "echoed_bytes"),
		.not_sent = count_of(place, object, "not_sent"),
		.errors = count_of(place, object, "errors"),
		.connections = count_of(place, object, "connections"),
		.p50 = time_or_null(place, object, "p50"),
		.p99 = time_or_null(place, object, "p99"),
		.max = time_or_null(place, object, "max"),
	};

	if (row.second > (uint64_t)SECONDS_MOST ||
	    (to->count > 0 && row.second <= to->rows[to->count - 1].second))
		refuse(place, "second", "give a later one than before");
	else if (!bench_seconds_add(to, &row))
		refuse(place, "", "%s", strerror(ENOMEM));
}

static void
read_rows(const struct place *top, const json_t *array, struct bench_seconds *to)
{
	if (!json_is_array(array))
		refuse(top, "rows", "give an array");
	for (size_t i = 0; i < json_array_size(array) && *top->fault == '\0'; i++)
		read_row(&(struct place){ top->fault, "rows", (int)i }, json_array_get(array, i), to);
}

/* --- who was there --------------------------------------------------------------------- */

/* As far as the text has it: the rest stays as it is. */
static void
read_tls(const struct place *top, json_t *object, struct bench_result *result)
{
	const struct place place = below(top, "tls");
	char text[64];

	if (json_is_null(object))
		return;
	text_of(&place, object, "version", text, sizeof(text));
	check_characters(&place, "version", text);
	text_of(&place, object, "cipher", text, sizeof(text));
	check_characters(&place, "cipher", text);
	result->tls = json_incref(object);
}

static void
read_address(const struct place *top, const json_t *object, struct bench_result *result)
{
	if (is_null(top, object, "address"))
		return;
	text_of(top, object, "address", result->address, sizeof(result->address));
	check_characters(top, "address", result->address);
}

/* --- all of it ------------------------------------------------------------------------- */

static double
started_of(const struct place *place, const json_t *object)
{
	const char *text = json_string_value(member(place, object, "started"));
	struct tm tm = { 0 };
	unsigned thousandths = 0;
	int end = 0;
	const char *rest = text != NULL ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
	time_t whole;

	if (rest == NULL || sscanf(rest, ".%3uZ%n", &thousandths, &end) != 1 || rest[end] != '\0' ||
	    end != 5 || (whole = timegm(&tm)) < 0) {
		refuse(place, "started", "give a time as 2026-11-26T13:00:00.000Z");
		return 0;
	}
	return (double)whole + thousandths / 1000.0;
}

static void
read_runs(const struct place *top, const json_t *array, struct bench_result *result)
{
	result->clients = json_array_size(array);
	if (result->clients < 1 || result->clients > BENCH_CLIENTS_MAX) {
		refuse(top, "runs", "give an array of 1 to %d", BENCH_CLIENTS_MAX);
		result->clients = 0;
	}
	for (size_t i = 0; i < result->clients; i++) {
		const char *text = json_string_value(json_array_get(array, i));

		if (text == NULL || strlen(text) != 16 ||
		    strspn(text, "0123456789abcdef") != 16)
			refuse(&(struct place){ top->fault, "runs", (int)i }, "",
			    "give 16 hexadecimal digits");
		else
			result->runs[i] = strtoull(text, NULL, 16);
	}
}

static void
read_all(const struct place *top, json_t *object, struct bench_result *result)
{
	const json_t *latency;

	text_of(top, object, "uri", result->asked.target, sizeof(result->asked.target));
	read_address(top, object, result);
	member(top, object, "tls");
	read_tls(top, json_object_get(object, "tls"), result);
	read_runs(top, member(top, object, "runs"), result);
	result->started = started_of(top, object);
	result->elapsed = number_of(top, object, "seconds", SECONDS_MOST);
	result->each = number_of(top, object, "together", 1) * result->elapsed *
	    (double)result->clients;
	result->cpu = number_of(top, object, "cpu_seconds", SECONDS_MOST);
	read_asked(top, member(top, object, "asked"), &result->asked);
	read_counts(top, member(top, object, "counts"), result->counts);
	read_errors(top, member(top, object, "errors"), result->errors);
	read_fault(top, member(top, object, "first_error"), &result->fault);
	latency = member(top, object, "latency");
	for (int i = 0; i < BENCH_TIMES && *top->fault == '\0'; i++)
		read_time(top, latency, (enum bench_time)i, &result->times[i]);
	read_rows(top, member(top, object, "rows"), &result->seconds);
}

/* Takes over `object`, NULL where it is no JSON. */
static struct bench_result *
read_object(json_t *object, const json_error_t *error, char fault[BENCH_READ_FAULT_SIZE])
{
	const char *mode = json_string_value(json_object_get(object, "mode"));
	struct bench_result *result = NULL;

	*fault = '\0';
	if (object == NULL)
		snprintf(fault, BENCH_READ_FAULT_SIZE, "line %d, column %d: %s", error->line,
		    error->column, error->text);
	else if (mode == NULL || strcmp(mode, "bench") != 0)
		snprintf(fault, BENCH_READ_FAULT_SIZE, "this is not what bench --json prints");
	else if ((result = bench_result_new()) == NULL)
		snprintf(fault, BENCH_READ_FAULT_SIZE, "%s", strerror(ENOMEM));
	else
		read_all(&(struct place){ fault, "", -1 }, object, result);
	json_decref(object);
	if (*fault == '\0')
		return result;
	bench_result_free(result);
	return NULL;
}

struct bench_result *
bench_read_text(const char *text, size_t size, char fault[BENCH_READ_FAULT_SIZE])
{
	json_error_t error = { 0 };

	return read_object(json_loadb(text, size, JSON_REJECT_DUPLICATES, &error), &error, fault);
}

struct bench_result *
bench_read_file(const char *path, char fault[BENCH_READ_FAULT_SIZE])
{
	FILE *stream = fopen(path, "re");
	json_error_t error = { 0 };
	json_t *object;

	if (stream == NULL) {
		snprintf(fault, BENCH_READ_FAULT_SIZE, "%s", strerror(errno));
		return NULL;
	}
	object = json_loadf(stream, JSON_REJECT_DUPLICATES, &error);
	fclose(stream);
	return read_object(object, &error, fault);
}
