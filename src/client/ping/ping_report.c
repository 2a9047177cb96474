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
	if (options->common.json || options->flow > 1)
		return;
	printf("PING %s (%s): %zu bytes each", options->common.uri, peer, options->size);
	if (options->flows > 0)
		printf(", %zu flows", options->flows);
	putchar('\n');
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
	printf("%sconnected to %s in %.3f ms", options->label, peer, channel_connect_seconds(channel) * 1000);
	if (size > 0)
		printf(", greeted by %s", escape_payload(greeting, size, text));
	putchar('\n');
	if (tls_told(channel, tls) != NULL)
		printf("%sover %s\n", options->label, tls);
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
	printf("%s%zu byte%s from %s: ", options->label, size, plural(size), from);
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
		printf("%sno reply yet: seq=%llu\n", options->label, (unsigned long long)seq);
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
		printf("%s%s\n", options->label, text);
}

void
ping_print_blocked(const struct ping_options *options, const char *peer)
{
	if (!options->common.json)
		printf("%s%s takes no more bytes\n", options->label, peer);
}

void
ping_print_back(const struct ping_options *options, const char *peer,
    const struct channel *channel, double seconds)
{
	char local[CHANNEL_TEXT_SIZE];

	if (!options->common.json)
		printf("%s%s answers %s again, after %.3f s\n", options->label, peer,
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
		printf("%snobody listens at %s\n", options->label, peer);
	else
		printf("%strouble with %s: %s\n", options->label, peer, strerror(error));
}
