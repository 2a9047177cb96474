/* A result as JSON: see object.h. */
#include "client/bench/show/object.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "client/bench/show/percentiles.h"
#include "client/report.h"
#include "client/timing.h"

static json_t *
integer(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* null of what was not asked. */
static json_t *
real_or_null(double value)
{
	return value > 0 ? json_real(value) : json_null();
}

static json_t *
asked_object(const struct bench_asked *asked)
{
	return json_pack("{sI sI so so so so sf so sf sI sb sb sb}",
	    "connections", (json_int_t)asked->connections,
	    "in_flight", (json_int_t)asked->in_flight,
	    "sizes", report_bytes(asked->sizes, strlen(asked->sizes)),
	    "rate", real_or_null(asked->rate), "seconds", real_or_null(asked->seconds),
	    "messages", asked->messages > 0 ? integer(asked->messages) : json_null(),
	    "warm_up", asked->warm_up, "ramp", real_or_null(asked->ramp), "wait", asked->wait,
	    "threads", (json_int_t)asked->threads, "churn", asked->churn, "spin", asked->spin,
	    "kernel_time", asked->kernel_time);
}

static json_t *
counts_object(const uint64_t *values)
{
	json_t *object = json_object();

	for (int i = 0; i < BENCH_COUNTS; i++)
		json_object_set_new(object, bench_count_word((enum bench_count)i),
		    integer(values[i]));
	return object;
}

static json_t *
errors_object(const uint64_t *values)
{
	json_t *object = json_object();

	for (int i = 0; i < BENCH_ERRORS; i++)
		json_object_set_new(object, bench_error_word((enum bench_error)i),
		    integer(values[i]));
	return object;
}

static json_t *
fault_object(const struct bench_fault *fault)
{
	const bool has_bytes = fault->has_bytes;
	const int error = bench_fault_error(fault);

	if (!fault->is_set)
		return json_null();
	return json_pack("{ss sf sI sI so so so so}", "kind", bench_error_word(fault->kind),
	    "seconds", timing_seconds(fault->at), "connection", (json_int_t)fault->connection,
	    "message", (json_int_t)fault->message,
	    "offset", fault->has_offset ? integer(fault->offset) : json_null(),
	    "expected", has_bytes ? integer(fault->expected) : json_null(),
	    "seen", has_bytes ? integer(fault->got) : json_null(),
	    "errno", error != 0 ? json_integer(error) : json_null());
}

/* --- times ----------------------------------------------------------------------------- */

static json_t *
seconds(int64_t nanoseconds)
{
	return json_real(timing_seconds(nanoseconds));
}

/* Of each the least time in nanoseconds that falls into it, and how many did. */
static json_t *
buckets_array(const struct histogram *histogram)
{
	struct histogram_bucket bucket;
	json_t *array = json_array();

	for (size_t at = 0; histogram_next(histogram, &at, &bucket);)
		json_array_append_new(array, json_pack("[II]", (json_int_t)bucket.low,
		    (json_int_t)bucket.count));
	return array;
}

static json_t *
time_object(const struct histogram *histogram)
{
	json_t *object;

	if (histogram->count == 0)
		return json_null();
	object = json_pack("{sI sf sf sf sf}", "count", (json_int_t)histogram->count,
	    "min", timing_seconds(histogram->min), "max", timing_seconds(histogram->max),
	    "mean", histogram_mean(histogram) / 1e9,
	    "deviation", histogram_deviation(histogram) / 1e9);
	for (size_t i = 0; i < PERCENTILES; i++)
		json_object_set_new(object, percentiles[i].name,
		    seconds(histogram_quantile(histogram, percentiles[i].quantile)));
	json_object_set_new(object, "buckets", buckets_array(histogram));
	return object;
}

static json_t *
latency_object(const struct bench_result *result)
{
	json_t *object = json_object();

	for (int i = 0; i < BENCH_TIMES; i++)
		json_object_set_new(object, bench_time_word((enum bench_time)i),
		    time_object(&result->times[i]));
	return object;
}

static json_t *
rows_array(const struct bench_seconds *rows)
{
	json_t *array = json_array();

	for (size_t i = 0; i < rows->count; i++) {
		const struct bench_second *row = &rows->rows[i];
		const bool any = row->echoed > 0;

		json_array_append_new(array, json_pack("{sI sI sI sI sI sI sI so so so}",
		    "second", (json_int_t)row->second, "sent", (json_int_t)row->sent,
		    "echoed", (json_int_t)row->echoed,
		    "echoed_bytes", (json_int_t)row->echoed_bytes,
		    "not_sent", (json_int_t)row->not_sent, "errors", (json_int_t)row->errors,
		    "connections", (json_int_t)row->connections,
		    "p50", any ? seconds(row->p50) : json_null(),
		    "p99", any ? seconds(row->p99) : json_null(),
		    "max", any ? seconds(row->max) : json_null()));
	}
	return array;
}

/* --- all of it ------------------------------------------------------------------------- */

static json_t *
runs_array(const struct bench_result *result)
{
	json_t *array = json_array();

	for (size_t i = 0; i < result->clients; i++)
		json_array_append_new(array, json_sprintf("%016" PRIx64, result->runs[i]));
	return array;
}

static json_t *
started_string(double started)
{
	const int64_t thousandths = llround(started * 1000);
	const time_t whole = (time_t)(thousandths / 1000);
	char text[64] = "";
	struct tm tm;

	if (gmtime_r(&whole, &tm) != NULL)
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	return json_sprintf("%s.%03dZ", text, (int)(thousandths % 1000));
}

json_t *
bench_fields(const struct bench_result *result)
{
	const double loss = bench_result_loss(result);

	return json_pack("{so so? sO? so so so so so so sf sf sf sf sf so so}",
	    "runs", runs_array(result),
	    "address", *result->address != '\0' ? report_bytes(result->address,
	    strlen(result->address)) : NULL, "tls", result->tls,
	    "started", started_string(result->started),
	    "asked", asked_object(&result->asked), "counts", counts_object(result->counts),
	    "errors", errors_object(result->errors), "first_error", fault_object(&result->fault),
	    "loss", loss >= 0 ? json_real(loss) : json_null(), "seconds", result->elapsed,
	    "together", bench_result_together(result), "cpu_seconds", result->cpu,
	    "messages_per_second", bench_result_rate(result),
	    "bytes_per_second", bench_result_throughput(result),
	    "latency", latency_object(result), "rows", rows_array(&result->seconds));
}
