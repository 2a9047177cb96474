/* bench: load, every byte of which is compared, and what it costs in time. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/plural.h"
#include "client/bench/bench_options.h"
#include "client/bench/load/load.h"
#include "client/bench/show/file.h"
#include "client/bench/show/live.h"
#include "client/bench/show/merge.h"
#include "client/bench/show/object.h"
#include "client/bench/show/text.h"
#include "client/bench/watch.h"
#include "client/modes.h"
#include "client/report.h"
#include "client/terminal.h"

/* A count of 20 digits, and the first of them. */
#define REASON_SIZE (BENCH_FAULT_SIZE + 64)

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

static json_t *
fields(const void *arg)
{
	return bench_fields(arg);
}

/* Writes what is wrong, "" where nothing is. */
static void
tell_reason(const struct bench_result *result, enum ending ending, char reason[REASON_SIZE])
{
	const unsigned long long errors = bench_result_errors(result);
	char first[BENCH_FAULT_SIZE];

	*reason = '\0';
	if (errors > 0)
		snprintf(reason, REASON_SIZE, "%llu error%s, the first %s", errors, plural(errors),
		    bench_fault_text(&result->fault, first));
	else if (ending == ENDING_FAILED)
		snprintf(reason, REASON_SIZE, "all connections were lost");
	else if (ending == ENDING_INTERRUPTED && result->counts[BENCH_ECHOED] == 0)
		snprintf(reason, REASON_SIZE, "interrupted before anything came back");
}

/* Tells the result.  Returns the exit status. */
static int
conclude(const struct bench_options *options, const struct bench_result *result,
    enum ending ending)
{
	char reason[REASON_SIZE];
	int status;

	tell_reason(result, ending, reason);
	status = *reason != '\0' ? EXIT_WRONG : EXIT_SUCCESS;
	if (ending == ENDING_DONE && status != EXIT_SUCCESS)
		ending = ENDING_FAILED;
	if (!write_outputs(options, result))
		status = EXIT_WRONG;
	if (report_is_object())
		status = report_object(ending, reason, status);
	else
		bench_print(result, terminal_columns(STDOUT_FILENO), terminal_has_utf8(), stdout);
	return report_flush(status);
}

static void
begin_object(const struct bench_options *options, const struct bench_result *result)
{
	if (options->common.json)
		report_as_object((struct report){ "bench", result->asked.target, stdout, fields,
		    result });
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

static int
run(const struct bench_options *options)
{
	struct bench_result *result = bench_result_new();
	const char *fault;
	enum ending ending;
	int status;

	if (result == NULL)
		report_unusable("%s", strerror(errno));
	bench_options_asked(options, &result->asked);
	begin_object(options, result);
	check_outputs(options);
	live_begin(options->common.json);
	ending = load_run(&options->plan, result, bench_watch, result, &fault);
	live_end();
	if (fault != NULL)
		common_unreached(&options->common, ending, fault);
	status = conclude(options, result, ending);
	bench_result_free(result);
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
	status = options->merge ? merge(options) : run(options);
	common_dispose(&options->common);
	free(options);
	return status;
}
