/* How ping is told, as text and as JSON: see ping_report.h. */
#include "client/ping/ping_report.h"

#include <errno.h>
#include <string.h>
#include <sys/time.h>

#include "base/plural.h"
#include "client/ping/ping_events.h"
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
	const struct sizes *sizes = &options->sizes;

	ping_event(options, "start", "{ss}", "address", peer);
	if (options->common.json || options->flow > 1)
		return;
	printf("PING %s (%s): ", options->common.uri, peer);
	if (sizes->count > 1)
		printf("%zu sizes, %zu to %zu bytes", sizes->count, sizes_least(sizes),
		    sizes_most(sizes));
	else
		printf("%zu bytes each", sizes_at(sizes, 0));
	if (options->common.wish.marking.has_tos)
		printf(", tos=0x%02x", options->common.wish.marking.tos);
	if (options->flows > 0)
		printf(", %zu flows", options->flows);
	putchar('\n');
}

void
ping_print_unreached(const struct ping_options *options, const char *fault)
{
	ping_event_reason(options, "unreached", fault);
	if (options->common.json || *options->label == '\0')
		return;
	fputs(options->label, stdout);
	report_text(fault, stdout);
}

void
ping_print_connected(const struct ping_options *options, const char *peer,
    const struct channel *channel)
{
	if (!channel_is_stream(&options->common.wish))
		return;
	ping_event(options, "connected", "{ss sf}", "address", peer, "seconds",
	    channel_connect_seconds(channel));
	if (!options->common.json)
		told_connected(channel, options->label);
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

/* "ttl=63 tos=0x00", as far as they are known. */
static void
print_marks(struct marks marks, const char *behind)
{
	if (marks.ttl >= 0)
		printf("ttl=%d%s", marks.ttl, marks.tos >= 0 ? " " : behind);
	if (marks.tos >= 0)
		printf("tos=0x%02x%s", (unsigned)marks.tos, behind);
}

/* Each that was not seen before is told; what goes to and fro is, with the replies. */
static void
print_new_marks(const struct ping_options *options, const char *peer,
    const struct marks_told *marks)
{
	if (options->common.json || marks->news != MARKS_NEW)
		return;
	printf("%sreplies from %s have changed: ", options->label, peer);
	print_marks(marks->now, ", they had ");
	print_marks(marks->before, "\n");
}

void
ping_print_reply(const struct ping_options *options, const char *peer, const struct reply *reply,
    const struct marks_told *marks)
{
	ping_event_reply(options, peer, reply, marks);
	print_new_marks(options, peer, marks);
	if (!talks(options))
		return;
	print_head_of_line(options, peer, reply->size, reply->seq);
	print_marks(marks->now, " ");
	switch (reply->verdict) {
	case REPLY_RIGHT:
		printf("time=%.3f ms%s%s\n", reply->rtt * 1000, reply->late ? " (late)" : "",
		    reply->reordered ? " (reordered)" : "");
		break;
	case REPLY_DUPLICATE:
		printf("(duplicate)\n");
		break;
	case REPLY_CORRUPT:
		if (reply->size != reply->wanted)
			printf("(corrupt: %zu of %zu bytes)\n", reply->size, reply->wanted);
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
	if (!options->quiet)
		ping_event(options, "missing", "{sI}", "seq", (json_int_t)seq);
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
	ping_event_reason(options, "lost", text);
	if (!options->common.json)
		printf("%s%s\n", options->label, text);
}

void
ping_print_blocked(const struct ping_options *options, const char *peer)
{
	ping_event(options, "blocked", "{ss}", "address", peer);
	if (!options->common.json)
		printf("%s%s takes no more bytes\n", options->label, peer);
}

void
ping_print_back(const struct ping_options *options, const char *peer,
    const struct channel *channel, double seconds)
{
	char local[CHANNEL_TEXT_SIZE];

	channel_local(channel, local);
	ping_event(options, "back", "{ss ss sf}", "address", peer, "local", local, "seconds",
	    seconds);
	if (!options->common.json)
		printf("%s%s answers %s again, after %.3f s\n", options->label, peer, local,
		    seconds);
}

void
ping_print_stranger(const struct ping_options *options, const char *from, bool is_new,
    uint64_t seq, size_t size)
{
	if (options->quiet && !is_new)
		return;
	ping_event(options, "stranger", "{ss sI sI}", "address", from, "size", (json_int_t)size,
	    "seq", (json_int_t)seq);
	if (options->common.json)
		return;
	print_head_of_line(options, from, size, seq);
	printf("(stranger)\n");
}

void
ping_print_trouble(const struct ping_options *options, const char *peer,
    const struct channel *channel, int error)
{
	const int mtu = error == EMSGSIZE ? channel_path_mtu(channel) : 0;

	ping_event_reason(options, "trouble", strerror(error));
	if (options->common.json)
		return;
	if (ending_of_error(error) == ENDING_REFUSED)
		printf("%snobody listens at %s\n", options->label, peer);
	else
		printf("%strouble with %s: %s%s", options->label, peer, strerror(error),
		    mtu > 0 ? "" : "\n");
	if (mtu > 0)
		printf(" (path MTU %d)\n", mtu);
}
