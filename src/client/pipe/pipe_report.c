/* How pipe is told, as text and as JSON: see pipe_report.h. */
#include "client/pipe/pipe_report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "client/tls/told.h"

typedef unsigned long long ull;

/* More than these, and faster: the fewest that can meet a limit of echod as it is installed. */
#define LIMITED_DATAGRAMS 100
#define LIMITED_RATE 200 /* a second */

/* --- faults of the stream ----------------------------------------------------------- */

static void __attribute__((format(printf, 2, 3)))
say(char *reason, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reason, PIPE_REASON_SIZE, format, args);
	va_end(args);
}

/* Other datagrams came back, and there were many: so it may be a limit of the server's. */
static bool
may_be_limited(const struct pipe_tally *tally)
{
	return tally->received > 0 && tally->datagrams > LIMITED_DATAGRAMS &&
	    (double)tally->datagrams > LIMITED_RATE * tally->sending_seconds;
}

static void
tell_lost_datagram(const struct pipe_options *options, const struct pipe_tally *tally,
    char *reason)
{
	const char *likely = may_be_limited(tally) ? ": echod answers 1000 a second of one source "
	    "by default, see --rate" : "";

	if (!options->compare)
		say(reason, "datagram %llu could not be sent for %g s%s%s",
		    (ull)tally->datagrams + 1, options->wait, tally->error != 0 ? ": " : "",
		    tally->error != 0 ? strerror(tally->error) : "");
	else
		say(reason, "no reply to datagram %llu (byte %llu) for %g s%s%s",
		    (ull)tally->datagrams, (ull)tally->received, options->wait,
		    tally->error != 0 ? ": " : likely,
		    tally->error != 0 ? strerror(tally->error) : "");
}

static void
tell_timeout(const struct pipe_options *options, const struct pipe_tally *tally, char *reason)
{
	if (channel_is_stream(&options->common.wish))
		say(reason, "nothing moved for %g s: %llu byte%s sent, %llu came back",
		    options->wait, (ull)tally->sent, plural(tally->sent), (ull)tally->received);
	else
		tell_lost_datagram(options, tally, reason);
}

static void
tell_closed(const struct pipe_options *options, const struct pipe_tally *tally, char *reason)
{
	if (tally->end == ENDING_UNCLOSED)
		say(reason, "all %llu byte%s came back, but the server has not closed for %g s",
		    (ull)tally->received, plural(tally->received), options->wait);
	else if (!options->compare)
		say(reason, "the server closed when %llu byte%s had been sent", (ull)tally->sent,
		    plural(tally->sent));
	else if (tally->received == tally->read)
		say(reason, "the server closed before the end of standard input: "
		    "all %llu byte%s so far came back", (ull)tally->received,
		    plural(tally->received));
	else
		say(reason, "the server closed after %llu of %llu byte%s", (ull)tally->received,
		    (ull)tally->read, plural(tally->read));
}

/* What came back is not what was sent. */
static void
tell_wrong_echo(const struct pipe_tally *tally, char *reason)
{
	switch (tally->end) {
	case ENDING_DIFFERENCE:
		say(reason, "difference at byte %llu: sent 0x%02x, received 0x%02x",
		    (ull)tally->offset, tally->expected, tally->seen);
		break;
	case ENDING_SURPLUS:
		say(reason, "byte %llu came back but was never sent", (ull)tally->offset);
		break;
	case ENDING_TRUNCATED:
		say(reason, "datagram %llu (byte %llu) came back with %u of %u byte%s",
		    (ull)tally->datagrams, (ull)tally->received, tally->reply, tally->asked,
		    plural(tally->asked));
		break;
	default: /* ENDING_DUPLICATE */
		say(reason, "datagram %llu came back twice", (ull)tally->datagram);
	}
}

static void
tell_cut(const struct pipe_tally *tally, char *reason)
{
	const ull received = tally->received, read = tally->read;

	if (tally->stdin_ended && received == read)
		say(reason, "all %llu byte%s came back, but the server cut the connection, without"
		    " close_notify", received, plural(received));
	else
		say(reason, "the server cut the connection, without close_notify, after %llu of"
		    " %llu byte%s", received, read, plural(read));
}

static void
tell_broken_off(const struct pipe_options *options, const struct pipe_tally *tally,
    const struct channel *channel, char *reason)
{
	const ull received = tally->received, read = tally->read;

	if (!channel_is_stream(&options->common.wish))
		say(reason, "datagrams were lost: %s", strerror(tally->error));
	else if (tally->end == ENDING_CUT)
		tell_cut(tally, reason);
	else if (tally->end == ENDING_RESET)
		say(reason, "connection reset after %llu of %llu byte%s", received, read,
		    plural(read));
	else
		say(reason, "connection lost after %llu of %llu byte%s: %s", received, read,
		    plural(read), channel_error_text(channel, tally->error));
}

/* It does not lie with the server. */
static void
tell_own_end(const struct pipe_tally *tally, char *reason)
{
	switch (tally->end) {
	case ENDING_STDOUT_FAILED:
		say(reason, "cannot write: %s", strerror(tally->error));
		break;
	case ENDING_STDIN_FAILED:
		say(reason, "cannot read stdin: %s", strerror(tally->error));
		break;
	case ENDING_INTERRUPTED:
		say(reason, "interrupted");
		break;
	default: /* no fault */
		break;
	}
}

void
pipe_reason(const struct pipe_options *options, const struct pipe_tally *tally,
    const struct channel *channel, char reason[PIPE_REASON_SIZE])
{
	char peer[CHANNEL_TEXT_SIZE];

	*reason = '\0';
	switch (tally->end) {
	case ENDING_DIFFERENCE:
	case ENDING_SURPLUS:
	case ENDING_TRUNCATED:
	case ENDING_DUPLICATE:
		tell_wrong_echo(tally, reason);
		break;
	case ENDING_CLOSED:
	case ENDING_UNCLOSED:
		tell_closed(options, tally, reason);
		break;
	case ENDING_CUT:
	case ENDING_RESET:
	case ENDING_LOST:
	case ENDING_UNSECURED:
		tell_broken_off(options, tally, channel, reason);
		break;
	case ENDING_REFUSED:
		say(reason, "nobody listens at %s", channel_peer(channel, peer));
		break;
	case ENDING_TIMEOUT:
		tell_timeout(options, tally, reason);
		break;
	default:
		tell_own_end(tally, reason);
	}
}

/* --- what was moved ------------------------------------------------------------------- */

static void
print_moved(const struct pipe_options *options, const struct pipe_tally *tally, double seconds)
{
	if (tally->sent == 0 && tally->received == 0) {
		fprintf(stderr, "nothing was sent%s, in %.3f s\n",
		    tally->stdin_ended ? ": standard input was empty" : "", seconds);
		return;
	}
	fprintf(stderr, "%llu byte%s sent", (ull)tally->sent, plural(tally->sent));
	if (!channel_is_stream(&options->common.wish))
		fprintf(stderr, " in %llu datagram%s", (ull)tally->datagrams,
		    plural(tally->datagrams));
	if (tally->resent > 0)
		fprintf(stderr, " and %llu again", (ull)tally->resent);
	fprintf(stderr, ", %llu came back, in %.3f s", (ull)tally->received, seconds);
	if (tally->received > 0 && seconds > 0)
		fprintf(stderr, " (%.1f MiB/s)", (double)tally->received / seconds / 1048576);
	fputc('\n', stderr);
}

void
pipe_print_summary(const struct pipe_options *options, const struct pipe_tally *tally,
    const struct channel *channel, double seconds)
{
	char tls[TLS_TOLD_SIZE];

	print_moved(options, tally, seconds);
	if (tls_told(channel, tls) != NULL)
		fprintf(stderr, "over %s\n", tls);
}

/* --- all of it ------------------------------------------------------------------------ */

static json_t *
difference_object(const struct pipe_tally *tally)
{
	if (tally->end != ENDING_DIFFERENCE)
		return NULL;
	return json_pack("{sI si si}", "offset", (json_int_t)tally->offset, "expected",
	    (int)tally->expected, "seen", (int)tally->seen);
}

json_t *
pipe_fields(const struct pipe_options *options, const struct pipe_tally *tally,
    const struct channel *channel, double seconds)
{
	char address[CHANNEL_TEXT_SIZE];
	const bool stream = channel_is_stream(&options->common.wish);

	return json_pack("{ss? so? so? so? sI sI so? so? sf so? so?}",
	    "address", channel != NULL ? channel_peer(channel, address) : NULL, "connect_seconds",
	    channel != NULL && stream ? json_real(channel_connect_seconds(channel)) : NULL,
	    "greeting", channel_greeting_json(channel), "tls", tls_told_json(channel),
	    "sent", (json_int_t)tally->sent, "received", (json_int_t)tally->received,
	    "datagrams", stream ? NULL : json_integer((json_int_t)tally->datagrams),
	    "resent", stream ? NULL : json_integer((json_int_t)tally->resent),
	    "seconds", seconds, "bytes_per_second", tally->received > 0 && seconds > 0
	    ? json_real((double)tally->received / seconds) : NULL,
	    "difference", difference_object(tally));
}
