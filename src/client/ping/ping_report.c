/* How ping is told, as text and as JSON: see ping_report.h. */
#include "client/ping/ping_report.h"

#include <string.h>
#include <sys/time.h>

#include "client/report.h"
#include "client/timing.h"

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
	if (!options->common.json && channel_is_stream(&options->common.wish))
		printf("connected to %s in %.3f ms\n", peer,
		    channel_connect_seconds(channel) * 1000);
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
	printf("%zu bytes from %s: ", size, from);
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
ping_print_lost(const struct ping_options *options, const char *peer, int error)
{
	if (options->common.json)
		return;
	switch (ending_of_error(error)) {
	case ENDING_CLOSED:
		printf("connection closed by %s\n", peer);
		break;
	case ENDING_RESET:
		printf("connection reset by %s\n", peer);
		break;
	default:
		printf("connection to %s lost: %s\n", peer, strerror(error));
	}
}

void
ping_print_blocked(const struct ping_options *options, const char *peer)
{
	if (!options->common.json)
		printf("%s takes no more bytes\n", peer);
}

void
ping_print_silent(const struct ping_options *options, const char *peer, double seconds)
{
	if (!options->common.json)
		printf("no answer from %s for %g s\n", peer, seconds);
}

void
ping_print_back(const struct ping_options *options, const char *peer,
    const struct channel *channel, double seconds)
{
	char local[ADDRESS_TEXT_SIZE];

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
	struct summary s;

	fprintf(stream, "\n--- %s statistics ---\n%llu sent, %llu received", options->common.uri,
	    (unsigned long long)tally->sent, (unsigned long long)tally->received);
	print_count(stream, tally->missing, "missing");
	print_count(stream, tally->corrupt, "corrupt");
	print_count(stream, tally->late, "late");
	print_count(stream, tally->duplicate, "duplicate");
	print_count(stream, tally->reordered, "reordered");
	print_count(stream, tally->strangers, "from strangers");
	fprintf(stream, ", %.4g%% loss, time %.0f ms\n", tally_loss(tally) * 100,
	    seconds_since(started) * 1000);
	if (tally->reconnects > 0 || tally->without > 0)
		fprintf(stream, "%llu reconnects, %.0f ms without an answer\n",
		    (unsigned long long)tally->reconnects,
		    timing_seconds(tally->without) * 1000);
	if (tally->unsampled > 0)
		report_fault("out of memory: the times of %llu replies are not counted",
		    (unsigned long long)tally->unsampled);
	if (tally->rtt.count > 0 && !samples_summarise(&tally->rtt, &s))
		report_fault("out of memory: no times");
	else if (tally->rtt.count > 0)
		fprintf(stream, "rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms, "
		    "p50/p99 = %.3f/%.3f ms\n", s.min * 1000, s.avg * 1000, s.max * 1000,
		    s.mdev * 1000, s.p50 * 1000, s.p99 * 1000);
}

static json_t *
rtt_object(const struct samples *samples)
{
	struct summary s;

	if (samples->count == 0)
		return NULL;
	if (!samples_summarise(samples, &s)) {
		report_fault("out of memory: no times");
		return NULL;
	}
	return json_pack("{sf sf sf sf sf sf}", "min", s.min, "avg", s.avg, "max", s.max,
	    "mdev", s.mdev, "p50", s.p50, "p99", s.p99);
}

int
ping_print_json(const struct ping_options *options, const struct tally *tally, int64_t started,
    const struct channel *channel, enum ending end, int status)
{
	char address[ADDRESS_TEXT_SIZE], stranger[ADDRESS_TEXT_SIZE];
	const bool stream = channel_is_stream(&options->common.wish);
	const uint64_t strangers = channel_strangers(channel, stranger);

	return report_json(json_pack(
	    "{ss ss ss so* sI sI sI sI sI sI sI sI sI ss? sI sf sf sf so* ss}",
	    "mode", "ping", "uri", options->common.uri,
	    "address", channel_peer(channel, address),
	    "connect_seconds", stream ? json_real(channel_connect_seconds(channel)) : NULL,
	    "size", (json_int_t)options->size, "sent", (json_int_t)tally->sent,
	    "received", (json_int_t)tally->received, "missing", (json_int_t)tally->missing,
	    "late", (json_int_t)tally->late, "duplicate", (json_int_t)tally->duplicate,
	    "reordered", (json_int_t)tally->reordered, "corrupt", (json_int_t)tally->corrupt,
	    "strangers", (json_int_t)strangers, "stranger", strangers > 0 ? stranger : NULL,
	    "reconnects", (json_int_t)tally->reconnects,
	    "seconds_without", timing_seconds(tally->without),
	    "loss", tally_loss(tally), "seconds", seconds_since(started),
	    "rtt_seconds", rtt_object(&tally->rtt), "end", ending_word(end)), stdout, status);
}
