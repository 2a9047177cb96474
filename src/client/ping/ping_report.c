/* How ping is told, as text and as JSON: see ping_report.h. */
#include "client/ping/ping_report.h"

#include <string.h>
#include <sys/time.h>

#include "base/escape.h"
#include "base/plural.h"
#include "client/report.h"
#include "client/timing.h"
#include "client/tls/told.h"

/* --- each step -------------------------------------------------------------------- */

static bool
talks(const struct ping_options *options)
{
	return !options->quiet && !options->common.json;
}

void
ping_print_start(const struct ping_options *options, const char *peer)
{
	if (!options->common.json)
		printf("PING %s (%s): %zu bytes each\n", options->common.uri, peer, options->size);
}

void
ping_print_connected(const struct ping_options *options, const char *peer,
    const struct channel *channel)
{
	char text[ESCAPE_TEXT_SIZE], tls[TLS_TOLD_SIZE];
	const char *greeting;
	const size_t size = channel_greeting(channel, &greeting);

	if (options->common.json || !channel_is_stream(&options->common.wish))
		return;
	printf("connected to %s in %.3f ms", peer, channel_connect_seconds(channel) * 1000);
	if (size > 0)
		printf(", greeted by %s", escape_payload(greeting, size, text));
	putchar('\n');
	if (tls_told(channel, tls) != NULL)
		printf("over %s\n", tls);
}

static void
print_head_of_line(const struct ping_options *options, const char *from, size_t size,
    uint64_t seq)
{
	struct timeval now;

	if (options->timestamp) {
		gettimeofday(&now, NULL);
		printf("[%lld.%06ld] ", (long long)now.tv_sec, (long)now.tv_usec);
	}
	printf("%zu byte%s from %s: ", size, plural(size), from);
	if (seq != 0)
		printf("seq=%llu ", (unsigned long long)seq);
}

void
ping_print_reply(const struct ping_options *options, const char *peer, const struct reply *reply)
{
	if (!talks(options))
		return;
	print_head_of_line(options, peer, reply->size, reply->seq);
	switch (reply->verdict) {
	case REPLY_RIGHT:
		printf("time=%.3f ms%s%s\n", reply->rtt * 1000, reply->late ? " (late)" : "",
		    reply->reordered ? " (reordered)" : "");
		break;
	case REPLY_DUPLICATE:
		printf("(duplicate)\n");
		break;
	case REPLY_CORRUPT:
		if (reply->size != options->size)
			printf("(corrupt: %zu of %zu bytes)\n", reply->size, options->size);
		else
			printf("(corrupt: byte %zu is 0x%02x, sent 0x%02x)\n", reply->at,
			    reply->seen, reply->sent);
		break;
	case REPLY_FOREIGN:
		printf("(corrupt: not one of ours)\n");
		break;
	}
}

void
ping_print_missing(const struct ping_options *options, uint64_t seq)
{
	if (options->outstanding && talks(options))
		printf("no reply yet: seq=%llu\n", (unsigned long long)seq);
}

void
ping_tell_lost(const char *peer, const struct channel *channel, int error,
    char text[PING_LOST_SIZE])
{
	switch (ending_of_error(error)) {
	case ENDING_CLOSED:
		snprintf(text, PING_LOST_SIZE, "connection closed by %s", peer);
		break;
	case ENDING_CUT:
		snprintf(text, PING_LOST_SIZE, "connection cut by %s, without close_notify", peer);
		break;
	case ENDING_RESET:
		snprintf(text, PING_LOST_SIZE, "connection reset by %s", peer);
		break;
	default:
		snprintf(text, PING_LOST_SIZE, "connection to %s lost: %s", peer,
		    channel_error_text(channel, error));
	}
}

void
ping_tell_silent(const char *peer, double seconds, char text[PING_LOST_SIZE])
{
	snprintf(text, PING_LOST_SIZE, "no answer from %s for %g s", peer, seconds);
}

void
ping_print_lost(const struct ping_options *options, const char *text)
{
	if (!options->common.json)
		puts(text);
}

void
ping_print_blocked(const struct ping_options *options, const char *peer)
{
	if (!options->common.json)
		printf("%s takes no more bytes\n", peer);
}

void
ping_print_back(const struct ping_options *options, const char *peer,
    const struct channel *channel, double seconds)
{
	char local[CHANNEL_TEXT_SIZE];

	if (!options->common.json)
		printf("%s answers %s again, after %.3f s\n", peer,
		    channel_local(channel, local), seconds);
}

void
ping_print_stranger(const struct ping_options *options, const char *from, bool is_new,
    uint64_t seq, size_t size)
{
	if (options->common.json || (options->quiet && !is_new))
		return;
	print_head_of_line(options, from, size, seq);
	printf("(stranger)\n");
}

void
ping_print_trouble(const struct ping_options *options, const char *peer, int error)
{
	if (options->common.json)
		return;
	if (ending_of_error(error) == ENDING_REFUSED)
		printf("nobody listens at %s\n", peer);
	else
		printf("trouble with %s: %s\n", peer, strerror(error));
}

/* --- all of it --------------------------------------------------------------------- */

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

void
ping_print_summary(const struct ping_options *options, const struct tally *tally,
    int64_t started, FILE *stream)
{
	const struct summary s = samples_summarise(&tally->rtt);

	fprintf(stream, "\n--- %s statistics ---\n%llu sent, %llu received", options->common.uri,
	    (unsigned long long)tally->sent, (unsigned long long)tally->received);
	print_count(stream, tally->missing, "missing");
	print_count(stream, tally->corrupt, "corrupt");
	print_count(stream, tally->late, "late");
	print_count(stream, tally->duplicate, "duplicate");
	print_count(stream, tally->reordered, "reordered");
	print_count(stream, tally->strangers, "from strangers");
	print_count(stream, tally->cut, "cut");
	print_count(stream, tally_undecided(tally), "undecided");
	print_count(stream, tally->unsent, "not sent");
	if (tally_judged(tally) > 0)
		fprintf(stream, ", %.4g%% loss", tally_loss(tally) * 100);
	else
		fputs(", loss unknown", stream);
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

static json_t *
rtt_object(const struct samples *samples)
{
	const struct summary s = samples_summarise(samples);

	if (samples->count == 0)
		return NULL;
	return json_pack("{sf sf sf sf sf sf}", "min", s.min, "avg", s.avg, "max", s.max,
	    "mdev", s.mdev, "p50", s.p50, "p99", s.p99);
}

void
ping_print_thresholds(const struct ping_options *options, const struct tally *tally)
{
	const struct thresholds *thresholds = &options->thresholds;
	char text[THRESHOLD_TEXT_SIZE];

	for (size_t i = 0; i < thresholds->count; i++)
		if (!threshold_holds(&thresholds->rows[i], tally))
			printf("failed: %s\n", threshold_tell(&thresholds->rows[i], tally, text));
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
results_object(const struct ping_options *options, const struct tally *tally, int64_t started)
{
	return json_pack("{so? so? so sf sf}",
	    "loss", tally_judged(tally) > 0 ? json_real(tally_loss(tally)) : NULL,
	    "rtt_seconds", rtt_object(&tally->rtt),
	    "failed", failed_array(&options->thresholds, tally),
	    "seconds_without", timing_seconds(tally->without),
	    "seconds", seconds_since(started));
}

json_t *
ping_fields(const struct ping_options *options, const struct tally *tally, int64_t started,
    const struct channel *channel)
{
	char address[CHANNEL_TEXT_SIZE], stranger[CHANNEL_TEXT_SIZE];
	const uint64_t strangers = channel != NULL ? channel_strangers(channel, stranger) : 0;
	const bool connects = channel != NULL && channel_is_stream(&options->common.wish);
	json_t *counts = counts_object(tally), *results = results_object(options, tally, started);
	json_t *fields = json_pack("{ss? so? so? so? sI sI ss?}",
	    "address", channel != NULL ? channel_peer(channel, address) : NULL,
	    "connect_seconds", connects ? json_real(channel_connect_seconds(channel)) : NULL,
	    "greeting", channel_greeting_json(channel), "tls", tls_told_json(channel),
	    "size", (json_int_t)options->size, "strangers", (json_int_t)strangers,
	    "stranger", strangers > 0 ? stranger : NULL);

	if (json_object_update(fields, counts) == -1 ||
	    json_object_update(fields, results) == -1) {
		json_decref(fields);
		fields = NULL;
	}
	json_decref(counts);
	json_decref(results);
	return fields;
}
