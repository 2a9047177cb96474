/* What a run of bench amounts to: see verdict.h. */
#include "client/bench/verdict.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/bench/show/text.h"
#include "client/timing.h"

typedef unsigned long long ull;

static void __attribute__((format(printf, 2, 3)))
add(struct bench_verdict *verdict, const char *format, ...)
{
	char *reason = verdict->reason;
	const size_t size = sizeof(verdict->reason);
	size_t length = strlen(reason);
	va_list args;

	if (length > 0 && length + 2 < size) {
		memcpy(reason + length, ", ", sizeof(", "));
		length += 2;
	}
	va_start(args, format);
	vsnprintf(reason + length, size - length, format, args);
	va_end(args);
}

/* --- errors ------------------------------------------------------------------------------ */

/* A path for datagrams may change their order, and lose some where that is asked about. */
static bool
is_excused(enum bench_error error, const struct bench_result *result,
    const struct thresholds *thresholds)
{
	if (!bench_result_is_of_datagrams(result))
		return false;
	return error == BENCH_ERROR_REORDERED || ((error == BENCH_ERROR_MISSING ||
	    error == BENCH_ERROR_LATE) && thresholds_limit_loss(thresholds));
}

static void
add_errors(struct bench_verdict *verdict, const struct bench_result *result,
    const struct thresholds *thresholds)
{
	char text[BENCH_FAULT_SIZE];

	for (int i = 0; i < BENCH_ERRORS; i++) {
		const enum bench_error error = (enum bench_error)i;

		if (result->errors[i] > 0 && !is_excused(error, result, thresholds))
			add(verdict, "%llu %s", (ull)result->errors[i], bench_error_text(error));
	}
	if (*verdict->reason != '\0' && result->fault.is_set)
		add(verdict, "the first is %s", bench_fault_text(result, text));
	if (*verdict->reason != '\0' && result->counts[BENCH_DROPPED] > 0)
		add(verdict, "%llu found no room in this host's own buffers",
		    (ull)result->counts[BENCH_DROPPED]);
	if (*verdict->reason != '\0' && bench_may_be_limited(result))
		add(verdict, "echod answers %d datagrams a second of one source by default",
		    BENCH_LIMITED_RATE);
}

/* --- thresholds -------------------------------------------------------------------------- */

/* What the result has of it; NAN where it has nothing. */
static double
measure(const struct bench_result *result, const struct threshold *threshold)
{
	const struct histogram *times = &result->times[BENCH_CORRECTED];
	const double loss = bench_result_loss(result);

	if (threshold->kind >= OF_MIN && times->count == 0)
		return (double)NAN;
	switch (threshold->kind) {
	case OF_LOSS:
		return loss >= 0 ? loss : (double)NAN;
	case OF_RATE:
		return result->elapsed > 0 ? bench_result_rate(result) : (double)NAN;
	case OF_MIN:
		return timing_seconds(times->min);
	case OF_AVG:
		return histogram_mean(times) / 1e9;
	case OF_MAX:
		return timing_seconds(times->max);
	case OF_MDEV:
		return histogram_deviation(times) / 1e9;
	case OF_PERCENTILE:
		return timing_seconds(histogram_quantile(times, threshold->percent / 100));
	}
	return (double)NAN;
}

static void
add_thresholds(struct bench_verdict *verdict, const struct bench_result *result,
    const struct thresholds *thresholds)
{
	char text[THRESHOLD_TEXT_SIZE];

	for (size_t i = 0; i < thresholds->count; i++) {
		const double value = measure(result, &thresholds->rows[i]);

		if (!threshold_admits(&thresholds->rows[i], value))
			add(verdict, "%s", threshold_describe(&thresholds->rows[i], value, text));
	}
}

json_t *
bench_failed(const struct bench_result *result, const struct thresholds *thresholds)
{
	json_t *failed = json_array();

	for (size_t i = 0; i < thresholds->count; i++)
		if (!threshold_admits(&thresholds->rows[i], measure(result, &thresholds->rows[i])))
			json_array_append_new(failed, json_string(thresholds->rows[i].name));
	return failed;
}

/* --- the whole --------------------------------------------------------------------------- */

struct bench_verdict
bench_judge(const struct bench_result *result, enum ending ending,
    const struct thresholds *thresholds)
{
	struct bench_verdict verdict = { .reason = "" };
	const uint64_t not_sent = result->counts[BENCH_NOT_SENT];

	add_errors(&verdict, result, thresholds);
	if (not_sent > 0)
		add(&verdict, "%llu could not be sent", (ull)not_sent);
	if (ending != ENDING_DONE && ending != ENDING_INTERRUPTED && *verdict.reason == '\0')
		add(&verdict, "all connections were lost");
	if (result->counts[BENCH_ECHOED] == 0 && *verdict.reason == '\0')
		add(&verdict, "nothing came back");
	add_thresholds(&verdict, result, thresholds);
	if (*verdict.reason == '\0')
		verdict.status = EXIT_SUCCESS;
	else if (result->errors[BENCH_ERROR_REFUSED] > 0 && result->counts[BENCH_ECHOED] == 0)
		verdict.status = EXIT_USAGE;
	else
		verdict.status = EXIT_WRONG;
	return verdict;
}
