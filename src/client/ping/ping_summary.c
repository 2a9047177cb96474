/* The statistics of ping: see ping_summary.h. */
#include "client/ping/ping_summary.h"

#include <math.h>

#include "base/plural.h"
#include "client/report.h"
#include "client/timing.h"
#include "client/tls/told.h"

static double
seconds_since(int64_t started)
{
	return timing_seconds(timing_now() - started);
}

/* What went wrong is told where it did. */
static void
print_count(FILE *stream, uint64_t count, const char *what)
{
	if (count > 0)
		fprintf(stream, ", %llu %s", (unsigned long long)count, what);
}

/* " tos=0x00,0x48" */
static void
print_values(FILE *stream, const char *name, bool is_hexadecimal, const struct marks_set *set)
{
	const char *before = name;

	for (unsigned value = 0; value < 256; value++)
		if (marks_set_has(set, value)) {
			fputs(before, stream);
			fprintf(stream, is_hexadecimal ? "0x%02x" : "%u", value);
			before = ",";
		}
}

/* What replies came with. */
static void
print_marks(const struct marks_seen *seen, FILE *stream)
{
	if (!seen->any)
		return;
	fputs("replies had", stream);
	print_values(stream, " ttl=", false, &seen->ttl);
	print_values(stream, " tos=", true, &seen->tos);
	if (seen->changes > 0)
		fprintf(stream, ", changed %llu time%s", (unsigned long long)seen->changes,
		    plural(seen->changes));
	fputc('\n', stream);
}

static json_t *
set_array(const struct marks_set *set)
{
	json_t *array = json_array();

	for (unsigned value = 0; value < 256; value++)
		if (marks_set_has(set, value))
			json_array_append_new(array, json_integer(value));
	return array;
}

void
ping_print_loss(double loss, FILE *stream)
{
	if (isnan(loss))
		fputs("       -", stream);
	else
		fprintf(stream, "  %5.4g%%", loss * 100);
}

void
ping_print_summary(const struct tally *tally, int64_t started, FILE *stream)
{
	const struct summary s = samples_summarise(&tally->rtt);
	const double loss = tally_loss(tally);

	print_marks(&tally->marks, stream);
	fprintf(stream, "%llu sent, %llu received", (unsigned long long)tally->sent,
	    (unsigned long long)tally->received);
	print_count(stream, tally->missing, "missing");
	print_count(stream, tally->corrupt, "corrupt");
	print_count(stream, tally->late, "late");
	print_count(stream, tally->duplicate, "duplicate");
	print_count(stream, tally->reordered, "reordered");
	print_count(stream, tally->strangers, "from strangers");
	print_count(stream, tally->cut, "cut");
	print_count(stream, tally_undecided(tally), "undecided");
	print_count(stream, tally->unsent, "not sent");
	if (isnan(loss))
		fputs(", loss unknown", stream);
	else
		fprintf(stream, ", %.4g%% loss", loss * 100);
	fprintf(stream, ", time %.0f ms\n", seconds_since(started) * 1000);
	if (tally->reconnects > 0 || tally->without > 0)
		fprintf(stream, "%llu reconnect%s, %.0f ms without an answer\n",
		    (unsigned long long)tally->reconnects, plural(tally->reconnects),
		    timing_seconds(tally->without) * 1000);
	if (tally->unsampled > 0)
		report_fault("out of memory: times that are not counted: %llu",
		    (unsigned long long)tally->unsampled);
	if (tally->rtt.count > 0)
		fprintf(stream, "rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms, "
		    "p50/p99 = %.3f/%.3f ms\n", s.min * 1000, s.avg * 1000, s.max * 1000,
		    s.mdev * 1000, s.p50 * 1000, s.p99 * 1000);
}

json_t *
ping_rtt_object(const struct samples *samples)
{
	const struct summary s = samples_summarise(samples);

	if (samples->count == 0)
		return NULL;
	return json_pack("{sf sf sf sf sf sf}", "min", s.min, "avg", s.avg, "max", s.max,
	    "mdev", s.mdev, "p50", s.p50, "p99", s.p99);
}

static bool
has_dscp(const struct marks_set *set, unsigned dscp)
{
	for (unsigned ecn = 0; ecn < 1u << MARKS_DSCP_SHIFT; ecn++)
		if (marks_set_has(set, dscp << MARKS_DSCP_SHIFT | ecn))
			return true;
	return false;
}

bool
ping_tell_dscp(const struct ping_options *options, const struct tally *tally,
    char text[PING_DSCP_SIZE])
{
	const char *before = "replies had DSCP ";
	size_t at = 0;

	for (unsigned dscp = 0; options->expected_dscp >= 0 && dscp < 64; dscp++) {
		if ((int)dscp == options->expected_dscp || !has_dscp(&tally->marks.tos, dscp))
			continue;
		at += (size_t)snprintf(text + at, PING_DSCP_SIZE - at, "%s%u", before, dscp);
		before = ", ";
	}
	if (at > 0)
		snprintf(text + at, PING_DSCP_SIZE - at, ", not %d", options->expected_dscp);
	return at > 0;
}

void
ping_print_thresholds(const struct ping_options *options, const struct tally *tally)
{
	const struct thresholds *thresholds = &options->thresholds;
	char text[THRESHOLD_TEXT_SIZE], dscp[PING_DSCP_SIZE];

	for (size_t i = 0; i < thresholds->count; i++)
		if (!threshold_holds(&thresholds->rows[i], tally))
			printf("failed: %s\n", threshold_tell(&thresholds->rows[i], tally, text));
	if (ping_tell_dscp(options, tally, dscp))
		printf("failed: %s\n", dscp);
}

/* The names of the thresholds that do not hold. */
static json_t *
failed_array(const struct thresholds *thresholds, const struct tally *tally)
{
	json_t *failed = json_array();

	for (size_t i = 0; i < thresholds->count; i++)
		if (!threshold_holds(&thresholds->rows[i], tally))
			json_array_append_new(failed, json_string(thresholds->rows[i].name));
	return failed;
}

static json_t *
counts_object(const struct tally *tally)
{
	return json_pack("{sI sI sI sI sI sI sI sI sI sI sI}", "sent", (json_int_t)tally->sent,
	    "received", (json_int_t)tally->received, "missing", (json_int_t)tally->missing,
	    "late", (json_int_t)tally->late, "duplicate", (json_int_t)tally->duplicate,
	    "reordered", (json_int_t)tally->reordered, "corrupt", (json_int_t)tally->corrupt,
	    "cut", (json_int_t)tally->cut, "undecided", (json_int_t)tally_undecided(tally),
	    "unsent", (json_int_t)tally->unsent, "reconnects", (json_int_t)tally->reconnects);
}

static json_t *
marks_object(const struct marks_seen *seen)
{
	return json_pack("{so so sI}", "ttl", set_array(&seen->ttl), "tos", set_array(&seen->tos),
	    "mark_changes", (json_int_t)seen->changes);
}

static json_t *
results_object(const struct ping_options *options, const struct tally *tally, int64_t started)
{
	return json_pack("{so? so? so sf sf}",
	    "loss", json_real(tally_loss(tally)), "rtt_seconds", ping_rtt_object(&tally->rtt),
	    "failed", failed_array(&options->thresholds, tally),
	    "seconds_without", timing_seconds(tally->without),
	    "seconds", seconds_since(started));
}

json_t *
ping_fields(const struct ping_options *options, const struct tally *tally, int64_t started,
    const struct channel *channel)
{
	char address[CHANNEL_TEXT_SIZE], stranger[CHANNEL_TEXT_SIZE];
	const bool connects = channel != NULL && channel_is_stream(&options->common.wish);
	json_t *counts = counts_object(tally), *results = results_object(options, tally, started);
	const bool is_one_size = options->sizes.count == 1;
	json_t *marks = marks_object(&tally->marks);
	json_t *fields = json_pack("{ss? so? so? so? so? sI ss?}",
	    "address", channel != NULL ? channel_peer(channel, address) : NULL,
	    "connect_seconds", connects ? json_real(channel_connect_seconds(channel)) : NULL,
	    "greeting", channel_greeting_json(channel), "tls", tls_told_json(channel),
	    "size", is_one_size ? json_integer((json_int_t)sizes_at(&options->sizes, 0)) : NULL,
	    "strangers", (json_int_t)tally->strangers,
	    "stranger", channel != NULL && channel_strangers(channel, stranger) > 0 ? stranger : NULL);

	if (json_object_update(fields, counts) == -1 ||
	    json_object_update(fields, results) == -1 ||
	    json_object_update(fields, marks) == -1) {
		json_decref(fields);
		fields = NULL;
	}
	json_decref(counts);
	json_decref(results);
	json_decref(marks);
	return fields;
}
