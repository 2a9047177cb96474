/* bench: load, every byte of which is compared, and what it costs in time. */
#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/bench/against.h"
#include "client/bench/bench_options.h"
#include "client/bench/limits.h"
#include "client/bench/load/load.h"
#include "client/bench/show/file.h"
#include "client/bench/show/live.h"
#include "client/bench/show/merge.h"
#include "client/bench/show/object.h"
#include "client/bench/show/text.h"
#include "client/bench/verdict.h"
#include "client/bench/watch.h"
#include "client/interrupt.h"
#include "client/modes.h"
#include "client/report.h"
#include "client/standard.h"
#include "client/terminal.h"
#include "client/timing.h"
#include "client/transport/up.h"

/* --- files ----------------------------------------------------------------------------- */

/* What is written beside the result: a row each. */
struct output {
	const char *option, *path; /* NULL: not asked for */
	void (*print)(const struct bench_result *result, FILE *stream);
};

#define OUTPUTS 3

static void
list_outputs(const struct bench_options *options, struct output outputs[OUTPUTS])
{
	outputs[0] = (struct output){ "--csv", options->csv, bench_csv_print };
	outputs[1] = (struct output){ "--svg", options->svg, bench_svg_print };
	outputs[2] = (struct output){ "--hgrm", options->hgrm, bench_hgrm_print };
}

/* One of them would replace the other; what is no file has room for both. */
static bool
is_same(const char *a, const char *b)
{
	return strcmp(a, b) == 0 && !bench_file_is_device(a);
}

/* Before the load runs, which may take hours. */
static void
check_outputs(const struct bench_options *options)
{
	struct output outputs[OUTPUTS];

	list_outputs(options, outputs);
	for (size_t i = 0; i < OUTPUTS; i++) {
		const int error = outputs[i].path != NULL ? bench_file_check(outputs[i].path) : 0;

		if (error != 0)
			report_unusable("%s %s: %s", outputs[i].option, outputs[i].path,
			    strerror(error));
		for (size_t j = 0; outputs[i].path != NULL && j < i; j++)
			if (outputs[j].path != NULL && is_same(outputs[i].path, outputs[j].path))
				report_unusable("%s and %s: give each a file of its own",
				    outputs[j].option, outputs[i].option);
	}
}

/* Returns false where one could not be written, which is told. */
static bool
write_outputs(const struct bench_options *options, const struct bench_result *result)
{
	struct output outputs[OUTPUTS];
	bool done = true;

	list_outputs(options, outputs);
	for (size_t i = 0; i < OUTPUTS; i++) {
		const int error = outputs[i].path != NULL
		    ? bench_file_write(outputs[i].path, outputs[i].print, result) : 0;

		if (error != 0)
			report_fault("cannot write %s: %s", outputs[i].path, strerror(error));
		done &= error == 0;
	}
	return done;
}

/* --- the end --------------------------------------------------------------------------- */

/* What the object is made of. */
struct told {
	const struct bench_options *options;
	const struct bench_result *result;
};

static json_t *
fields(const void *arg)
{
	const struct told *told = arg;
	json_t *object = bench_fields(told->result);

	json_object_set_new(object, "failed",
	    bench_failed(told->result, &told->options->thresholds));
	return object;
}

/* Tells the result.  Returns the exit status. */
static int
conclude(const struct bench_options *options, const struct bench_result *result,
    enum ending ending)
{
	struct bench_verdict verdict = bench_judge(result, ending, &options->thresholds);

	if (verdict.status == EXIT_USAGE)
		ending = ENDING_REFUSED;
	else if (ending == ENDING_DONE && verdict.status != EXIT_SUCCESS)
		ending = ENDING_FAILED;
	if (!write_outputs(options, result))
		verdict.status = EXIT_WRONG;
	if (report_is_object())
		return report_flush(report_object(ending, verdict.reason, verdict.status));
	bench_print(result, terminal_columns(STDOUT_FILENO), terminal_has_utf8(), stdout);
	if (*verdict.reason != '\0')
		printf("\nfailed: %s\n", verdict.reason);
	return report_flush(verdict.status);
}

static void
begin_object(const struct bench_options *options, const struct bench_result *result)
{
	static struct told told;

	told = (struct told){ options, result };
	if (options->common.json)
		report_as_object((struct report){ "bench", result->asked.target, stdout, fields,
		    &told });
}

static int
merge(const struct bench_options *options)
{
	char fault[BENCH_MERGE_FAULT_SIZE];
	struct bench_result *result;
	int status;

	check_outputs(options);
	result = bench_merge(options->files, (size_t)options->file_count, fault);
	if (result == NULL)
		report_unusable("%s", fault);
	begin_object(options, result);
	status = conclude(options, result, ENDING_DONE);
	bench_result_free(result);
	return status;
}

/* What the host does not have room for; and what may be in the way later. */
static void
check_limits(const struct plan *plan)
{
	char text[LIMITS_TEXT_SIZE];

	if (limits_prepare(plan, text) != NULL)
		report_unusable("%s", text);
	if (limits_churn(plan, text) != NULL && !report_is_object())
		report_fault("%s", text);
}

/* That stdout has failed is told in place of what it broke off. */
static void __attribute__((noreturn))
give_up(const struct common_arguments *common, enum ending ending, const char *fault)
{
	if (standard_error() != 0)
		exit(report_flush(EXIT_WRONG));
	common_unreached(common, ending, fault);
}

/* Runs the load that is asked for on the target of `common`, which has to be there. */
static enum ending
load(const struct bench_options *options, const struct common_arguments *common,
    struct bench_result *result)
{
	struct plan plan = options->plan;
	const char *fault;
	enum ending ending;

	plan.wish = &common->wish;
	live_begin(options->common.json);
	ending = load_run(&plan, result, bench_watch, result, &fault);
	live_end();
	if (fault != NULL)
		give_up(common, ending, fault);
	return ending;
}

static void
on_interrupt(void *arg)
{
	event_base_loopbreak(arg);
}

/* Who is waited for, before anything begins. */
static void
await(const struct common_arguments *common)
{
	struct event_base *base;
	const char *fault;
	enum ending ending;

	if (common->until_up == 0)
		return;
	base = timing_base_new(false);
	if (!interrupt_watch(base, on_interrupt, base) || !standard_watch(base, on_interrupt, base))
		report_unusable("cannot start: %s", strerror(errno));
	ending = up_await(base, &common->wish, common->until_up, true, &fault);
	if (ending != ENDING_DONE)
		give_up(common, ending, fault);
	interrupt_unwatch();
	standard_unwatch();
	event_base_free(base);
}

static int
run(const struct bench_options *options)
{
	struct bench_result *result = bench_result_new();
	enum ending ending;
	int status;

	if (result == NULL)
		report_unusable("%s", strerror(errno));
	bench_options_asked(options, &options->common, &result->asked);
	begin_object(options, result);
	check_outputs(options);
	check_limits(&options->plan);
	await(&options->common);
	ending = load(options, &options->common, result);
	status = conclude(options, result, ending);
	bench_result_free(result);
	return status;
}

/* --- two targets ------------------------------------------------------------------------- */

static json_t *
comparison_fields(const void *arg)
{
	return against_fields(arg);
}

/* Adds what was wrong with a run to what was with those before. */
static void
judge_run(const struct bench_options *options, const struct bench_result *result,
    enum ending ending, struct bench_verdict *worst)
{
	const struct bench_verdict verdict = bench_judge(result, ending, &options->thresholds);

	if (worst->status != EXIT_SUCCESS || verdict.status == EXIT_SUCCESS)
		return;
	worst->status = verdict.status;
	snprintf(worst->reason, sizeof(worst->reason), "%s: %.*s", result->asked.target,
	    (int)(sizeof(worst->reason) - ENDPOINT_TEXT_SIZE - 3), verdict.reason);
}

/* One run of a round, of `which` of the two. */
static enum ending
run_one(const struct bench_options *options, size_t which, struct against_round *round,
    struct bench_verdict *worst)
{
	const struct common_arguments *common = which == 0 ? &options->common : &options->other;
	struct bench_result *result = bench_result_new();
	enum ending ending;

	if (result == NULL)
		report_unusable("%s", strerror(errno));
	bench_options_asked(options, common, &result->asked);
	ending = load(options, common, result);
	judge_run(options, result, ending, worst);
	round->results[which] = result;
	return ending;
}

/* The order changes from round to round: neither is always the second. */
static enum ending
run_rounds(const struct bench_options *options, struct against *against,
    struct bench_verdict *worst)
{
	for (; against->count < options->rounds; against->count++) {
		struct against_round *round = &against->rounds[against->count];

		for (size_t i = 0; i < 2; i++)
			if (run_one(options, (against->count + i) % 2, round, worst) ==
			    ENDING_INTERRUPTED)
				return ENDING_INTERRUPTED;
	}
	return ENDING_DONE;
}

/* Tells what came of it.  Returns the exit status. */
static int
conclude_rounds(const struct against *against, enum ending ending,
    const struct bench_verdict *worst)
{
	if (ending == ENDING_DONE && worst->status != EXIT_SUCCESS)
		ending = ENDING_FAILED;
	if (report_is_object())
		return report_flush(report_object(ending, worst->reason, worst->status));
	against_print(against, stdout);
	if (*worst->reason != '\0')
		printf("\nfailed: %s\n", worst->reason);
	return report_flush(worst->status);
}

static int
compare(const struct bench_options *options)
{
	static struct against against;
	struct bench_verdict worst = { .reason = "" };
	int status;

	against.uris[0] = options->common.uri;
	against.uris[1] = options->other.uri;
	if (options->common.json)
		report_as_object((struct report){ "bench", against.uris[0], stdout,
		    comparison_fields, &against });
	check_limits(&options->plan);
	await(&options->common);
	await(&options->other);
	status = conclude_rounds(&against, run_rounds(options, &against, &worst), &worst);
	against_dispose(&against);
	return status;
}

int
bench_main(int argc, char **argv)
{
	struct bench_options *options = calloc(1, sizeof(*options));
	int status;

	if (options == NULL)
		report_unusable("%s", strerror(errno));
	bench_options_read(options, argc, argv);
	status = options->merge ? merge(options) :
	    options->against != NULL ? compare(options) : run(options);
	common_dispose(&options->common);
	if (options->against != NULL)
		common_dispose(&options->other);
	free(options);
	return status;
}
