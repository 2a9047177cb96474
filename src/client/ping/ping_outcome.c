/* What a run of ping comes to: see ping_outcome.h. */
#include "client/ping/ping_outcome.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "client/ping/ping_flows.h"
#include "client/ping/ping_internal.h"
#include "client/ping/ping_sizes.h"
#include "client/ping/ping_summary.h"
#include "client/report.h"
#include "client/timing.h"

static bool
has_targets(const struct run *run)
{
	return run->options.targets.count > 0;
}

/* --- one ping ---------------------------------------------------------------------------- */

/* By now: without memory for a judge there are no books. */
static const struct tally *
tally_of(const struct ping *ping)
{
	static const struct tally nothing;

	if (ping->judge == NULL)
		return &nothing;
	ping->judge->tally.without = outage_total(&ping->outage, timing_now());
	return &ping->judge->tally;
}

static const struct channel *
channel_of(const struct ping *ping)
{
	return *ping->peer != '\0' ? ping->channel : NULL;
}

/* What its end says of what went before. */
static void
settle(struct ping *ping)
{
	struct tally *tally = &ping->judge->tally;

	if (ping->reached && ping_is_stream(ping) && ping_is_connecting(ping))
		tally->unsent++; /* the one that waits for it */
	ping->end.trouble = ping->trouble;
	ping->end.refused = ping->refused && tally->received + tally->corrupt == 0;
	if (ping->end.refused && ping->end.ending != ENDING_INTERRUPTED &&
	    ping->end.ending != ENDING_STDOUT_FAILED)
		ping->end.ending = ENDING_REFUSED;
}

static struct ping_verdict
judge_ping(const struct ping *ping)
{
	struct ping_verdict verdict = { .status = EXIT_USAGE };

	if (ping->unreached == NULL)
		return ping_judge(&ping->options, tally_of(ping), &ping->end, ping->peer);
	if (ending_status(ping->end.ending, false) == EXIT_WRONG)
		verdict.status = EXIT_WRONG; /* somebody else is there */
	snprintf(verdict.reason, sizeof(verdict.reason), "%s", ping->unreached);
	return verdict;
}

/* --- all of them ------------------------------------------------------------------------- */

/* The one there is, or `total`, which is empty before; its samples are for samples_free(). */
static const struct tally *
sum_up(const struct run *run, struct tally *total)
{
	if (run->count == 1)
		return tally_of(&run->pings[0]);
	for (size_t i = 0; i < run->count; i++)
		tally_add(total, tally_of(&run->pings[i]));
	return total;
}

static bool
has_sizes(const struct run *run)
{
	return run->options.sizes.count > 1;
}

/* Returns those of all pings, for each size, for free(); NULL: there is one alone, or no memory. */
static struct size_books *
sum_up_sizes(const struct run *run)
{
	const size_t count = run->options.sizes.count;
	struct size_books *total = has_sizes(run) ? calloc(count, sizeof(*total)) : NULL;

	for (size_t i = 0; i < run->count && total != NULL; i++)
		for (size_t j = 0; j < count && run->pings[i].judge != NULL; j++)
			size_books_add(&total[j], &run->pings[i].judge->by_size[j]);
	return total;
}

/* NULL: none is. */
static const struct ping *
first_reached(const struct run *run)
{
	for (size_t i = 0; i < run->count; i++)
		if (run->pings[i].reached)
			return &run->pings[i];
	return NULL;
}

/* The one of all, where that is one; where the run was ended by the user, that. */
static enum ending
ending_of(const struct run *run)
{
	const enum ending first = run->pings[0].end.ending;
	enum ending other = ENDING_DONE;

	for (size_t i = 0; i < run->count; i++)
		if (run->pings[i].end.ending != ENDING_DONE)
			other = run->pings[i].end.ending;
	for (size_t i = 0; i < run->count; i++)
		if (run->pings[i].end.ending != first) {
			if (run->ending != ENDING_DONE)
				return run->ending;
			return has_targets(run) ? ENDING_FAILED : other;
		}
	return first;
}

/* --- flows -------------------------------------------------------------------------------- */

/* What is found of them, until the next call; NULL: there are none. */
static const struct ping_flows *
find_flows(const struct run *run)
{
	static struct ping_flows flows;

	if (run->options.flows == 0)
		return NULL;
	flows.count = run->count;
	for (size_t i = 0; i < run->count; i++) {
		const struct ping *ping = &run->pings[i];

		flows.rows[i] = (struct ping_flow){
			tally_of(ping),
			ping->reached ? channel_source_port(ping->channel) : 0,
		};
	}
	ping_flows_judge(&flows);
	return &flows;
}

/* How they ended together. */
static struct ping_end
end_of_flows(const struct run *run)
{
	struct ping_end all = { .ending = ending_of(run), .refused = true };

	for (size_t i = 0; i < run->count; i++) {
		const struct ping_end *end = &run->pings[i].end;

		all.refused &= end->refused;
		if (all.trouble == 0)
			all.trouble = end->trouble;
		if (*all.lost == '\0')
			snprintf(all.lost, sizeof(all.lost), "%s", end->lost);
	}
	return all;
}

/* As that of one target, of which each flow has sent as many messages. */
static struct ping_verdict
judge_flows(const struct run *run, const struct tally *total, const struct ping_flows *flows)
{
	const struct ping *first = first_reached(run);
	const struct ping_end end = end_of_flows(run);
	struct ping_options options = run->options;
	struct ping_verdict verdict;
	char *fault = ping_flows_fault(flows);

	options.count *= run->count;
	verdict = ping_judge(&options, total, &end, first != NULL ? first->peer : "");
	if (fault == NULL)
		report_unusable("%s", strerror(ENOMEM));
	if (*fault != '\0')
		ping_verdict_add(&verdict, "%s", fault);
	free(fault);
	return verdict;
}

/* --- targets ------------------------------------------------------------------------------- */

/* What the table has room for; a longer one pushes its line to the right. */
#define TARGET_WIDTH 40

/* Without the ": " of the label. */
static int
name_width(const struct ping *ping)
{
	return (int)strlen(ping->options.label) - 2;
}

static int
target_width(const struct run *run)
{
	int most = (int)strlen("target");

	for (size_t i = 0; i < run->count; i++) {
		const int width = name_width(&run->pings[i]);

		if (width > most && width <= TARGET_WIDTH)
			most = width;
	}
	return most;
}

static void
print_targets(const struct run *run, FILE *stream)
{
	const int width = target_width(run);

	fprintf(stream, "%-*s     sent  received    loss  rtt avg/p99 ms\n", width, "target");
	for (size_t i = 0; i < run->count; i++) {
		const struct ping *ping = &run->pings[i];
		const struct tally *tally = tally_of(ping);
		const struct summary s = samples_summarise(&tally->rtt);

		fprintf(stream, "%-*.*s %8llu  %8llu", width, name_width(ping),
		    ping->options.label, (unsigned long long)tally->sent,
		    (unsigned long long)tally->received);
		ping_print_loss(tally_loss(tally), stream);
		if (tally->rtt.count > 0)
			fprintf(stream, "  %.3f/%.3f", s.avg * 1000, s.p99 * 1000);
		fputc('\n', stream);
	}
}

/* What is wrong with each, in the text. */
static void
print_target_faults(const struct run *run)
{
	for (size_t i = 0; i < run->count; i++) {
		const struct ping_verdict verdict = judge_ping(&run->pings[i]);

		if (*verdict.reason == '\0')
			continue;
		printf("failed: %s", run->pings[i].options.label);
		report_text(verdict.reason, stdout);
	}
}

static struct ping_verdict
judge_targets(const struct run *run)
{
	struct ping_verdict verdict = { .status = EXIT_SUCCESS };
	size_t failed = 0, unusable = 0;

	for (size_t i = 0; i < run->count; i++) {
		const struct ping_verdict each = judge_ping(&run->pings[i]);

		failed += each.status != EXIT_SUCCESS;
		unusable += each.status == EXIT_USAGE;
	}
	if (failed == 0)
		return verdict;
	verdict.status = unusable == run->count ? EXIT_USAGE : EXIT_WRONG;
	ping_verdict_add(&verdict, "%zu of %zu target%s failed", failed, run->count,
	    plural(run->count));
	return verdict;
}

static json_t *
target_object(const struct ping *ping)
{
	const struct ping_verdict verdict = judge_ping(ping);
	const char *uri = ping->options.common.uri;
	json_t *object = ping_fields(&ping->options, tally_of(ping), ping->started,
	    channel_of(ping));
	json_t *own = json_pack("{so ss so? si}", "uri", report_bytes(uri, strlen(uri)),
	    "ending", ending_word(ping->end.ending), "reason", *verdict.reason != '\0' ?
	    report_bytes(verdict.reason, strlen(verdict.reason)) : NULL,
	    "status", verdict.status);

	if (json_object_update(object, own) == -1) {
		json_decref(object);
		object = NULL;
	}
	json_decref(own);
	return object;
}

static json_t *
targets_array(const struct run *run)
{
	json_t *array = json_array();

	for (size_t i = 0; i < run->count; i++)
		json_array_append_new(array, target_object(&run->pings[i]));
	return array;
}

/* --- all of it -------------------------------------------------------------------------- */

static void
print_head(const struct run *run, FILE *stream)
{
	if (has_targets(run))
		fprintf(stream, "\n--- statistics of %zu target%s ---\n", run->count,
		    plural(run->count));
	else
		fprintf(stream, "\n--- %s statistics ---\n", run->options.common.uri);
}

static void
print_all(const struct run *run, const struct tally *total, const struct ping_flows *flows,
    FILE *stream)
{
	struct size_books *sizes = sum_up_sizes(run);
	const struct ping *first = first_reached(run);
	const int64_t started = first != NULL && !has_targets(run) ? first->started : run->started;

	print_head(run, stream);
	if (has_targets(run))
		print_targets(run, stream);
	if (flows != NULL)
		ping_flows_print_table(flows, stream);
	if (sizes != NULL)
		ping_sizes_print(&run->options.sizes, sizes, stream);
	ping_print_summary(total, started, stream);
	if (flows != NULL)
		ping_flows_print(flows, stream);
	free(sizes);
}

void
outcome_print(struct run *run, FILE *stream)
{
	struct tally sum = { 0 };

	print_all(run, sum_up(run, &sum), find_flows(run), stream);
	samples_free(&sum.rtt);
}

json_t *
outcome_fields(const void *arg)
{
	const struct run *run = arg;
	const struct ping *first = first_reached(run);
	const bool is_one = !has_targets(run) && first != NULL;
	const struct ping_flows *flows = find_flows(run);
	struct size_books *sizes = sum_up_sizes(run);
	struct tally sum = { 0 };
	const struct tally *total = sum_up(run, &sum);
	json_t *fields = ping_fields(&run->options, total, is_one ? first->started : run->started,
	    is_one ? channel_of(first) : NULL);
	json_t *several = json_pack(
	    run->options.stream ? "{so? so? so? so? ss}" : "{so? so? so? so?}",
	    "sizes", sizes != NULL ? ping_sizes_array(&run->options.sizes, sizes) : NULL,
	    "flows", flows != NULL ? ping_flows_array(flows) : NULL,
	    "verdict", flows != NULL ? ping_flows_verdict(flows) : NULL,
	    "targets", has_targets(run) ? targets_array(run) : NULL, "event", "end");

	if (json_object_update(fields, several) == -1) {
		json_decref(fields);
		fields = NULL;
	}
	json_decref(several);
	free(sizes);
	samples_free(&sum.rtt);
	return fields;
}

/* Tells how it ended before anybody was reached: one target, or flows to it. */
static int
tell_unreached(struct run *run)
{
	const char *fault = run->pings[0].unreached;

	if (report_is_object())
		return report_object(run->ending, fault, EXIT_USAGE);
	report_fault("%s", fault);
	outcome_print(run, stdout);
	return EXIT_USAGE;
}

static struct ping_verdict
judge_all(const struct run *run, const struct tally *total, const struct ping_flows *flows)
{
	if (has_targets(run))
		return judge_targets(run);
	return flows != NULL ? judge_flows(run, total, flows) : judge_ping(&run->pings[0]);
}

int
outcome_tell(struct run *run)
{
	const struct ping_flows *flows;
	struct tally sum = { 0 };
	const struct tally *total;
	struct ping_verdict verdict;

	if (!has_targets(run) && first_reached(run) == NULL && run->pings[0].unreached != NULL)
		return tell_unreached(run);
	for (size_t i = 0; i < run->count; i++)
		settle(&run->pings[i]);
	flows = find_flows(run);
	total = sum_up(run, &sum);
	verdict = judge_all(run, total, flows);
	if (report_is_object()) {
		samples_free(&sum.rtt); /* the object makes its own */
		return report_object(ending_of(run), verdict.reason, verdict.status);
	}
	print_all(run, total, flows, stdout);
	if (has_targets(run))
		print_target_faults(run);
	else
		ping_print_thresholds(&run->options, total);
	samples_free(&sum.rtt);
	return verdict.status;
}
