/* How pipe is told, as text and as JSON: see pipe_report.h. */
#include "client/pipe/pipe_report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/report.h"

typedef unsigned long long ull;

/* --- faults of the stream ----------------------------------------------------------- */

static void
print_timeout(const struct pipe_options *options, const struct pipe_tally *tally)
{
	if (channel_is_stream(&options->common.wish))
		report_fault("nothing moved for %g seconds: %llu bytes were sent, %llu came back",
		    options->wait, (ull)tally->sent, (ull)tally->received);
	else
		report_fault("no reply to datagram %llu (byte %llu) for %g seconds",
		    (ull)tally->datagrams, (ull)tally->received, options->wait);
}

static void
print_closed(const struct pipe_options *options, const struct pipe_tally *tally)
{
	if (!options->compare)
		report_fault("the server closed when %llu bytes had been sent", (ull)tally->sent);
	else if (tally->received == tally->read)
		report_fault("the server closed before the end of standard input: "
		    "all %llu bytes so far came back", (ull)tally->received);
	else
		report_fault("the server closed after %llu of %llu bytes", (ull)tally->received,
		    (ull)tally->read);
}

/* What came back is not what was sent. */
static void
print_wrong_echo(const struct pipe_tally *tally)
{
	switch (tally->end) {
	case ENDING_DIFFERENCE:
		report_fault("difference at byte %llu: sent 0x%02x, received 0x%02x",
		    (ull)tally->offset, tally->expected, tally->seen);
		break;
	case ENDING_SURPLUS:
		report_fault("byte %llu came back but was never sent", (ull)tally->offset);
		break;
	case ENDING_TRUNCATED:
		report_fault("datagram %llu (byte %llu) came back with %u of %u bytes",
		    (ull)tally->datagrams, (ull)tally->received, tally->reply, tally->asked);
		break;
	default: /* ENDING_DUPLICATE */
		report_fault("datagram %llu came back twice", (ull)tally->datagram);
	}
}

static void
print_broken_off(const struct pipe_tally *tally)
{
	const ull received = tally->received, read = tally->read;

	if (tally->end == ENDING_RESET)
		report_fault("connection reset after %llu of %llu bytes", received, read);
	else
		report_fault("connection lost after %llu of %llu bytes: %s", received, read,
		    strerror(tally->error));
}

void
pipe_print_end(const struct pipe_options *options, const struct pipe_tally *tally,
    const struct channel *channel)
{
	char peer[ADDRESS_TEXT_SIZE];

	switch (tally->end) {
	case ENDING_DIFFERENCE:
	case ENDING_SURPLUS:
	case ENDING_TRUNCATED:
	case ENDING_DUPLICATE:
		print_wrong_echo(tally);
		break;
	case ENDING_CLOSED:
		print_closed(options, tally);
		break;
	case ENDING_UNCLOSED:
		report_fault("all %llu bytes came back, but the server has not closed for "
		    "%g seconds", (ull)tally->received, options->wait);
		break;
	case ENDING_RESET:
	case ENDING_LOST:
		print_broken_off(tally);
		break;
	case ENDING_REFUSED:
		report_fault("nobody listens at %s", channel_peer(channel, peer));
		break;
	case ENDING_TIMEOUT:
		print_timeout(options, tally);
		break;
	case ENDING_STDOUT_FAILED:
	case ENDING_STDIN_FAILED:
		report_fault("cannot %s: %s",
		    tally->end == ENDING_STDIN_FAILED ? "read stdin" : "write",
		    strerror(tally->error));
		break;
	default: /* no fault */
		break;
	}
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

int
pipe_print_json(const struct pipe_options *options, const struct pipe_tally *tally,
    const struct channel *channel, double seconds, int status)
{
	char address[ADDRESS_TEXT_SIZE];
	const bool stream = channel_is_stream(&options->common.wish);

	return report_json(json_pack("{ss ss ss so* sI sI sf sf so* ss}", "mode", "pipe",
	    "uri", options->common.uri, "address", channel_peer(channel, address),
	    "connect_seconds", stream ? json_real(channel_connect_seconds(channel)) : NULL,
	    "sent", (json_int_t)tally->sent, "received", (json_int_t)tally->received,
	    "seconds", seconds,
	    "bytes_per_second", seconds > 0 ? (double)tally->received / seconds : 0.0,
	    "difference", difference_object(tally), "end", ending_word(tally->end)), stderr,
	    status);
}

/* --- progress --------------------------------------------------------------------------- */

void
pipe_print_progress(const struct pipe_tally *tally, double rate)
{
	char percent[16] = "";

	if (tally->stdin_size > 0)
		snprintf(percent, sizeof(percent), "  %3.0f%%",
		    100 * (double)tally->received / (double)tally->stdin_size);
	fprintf(stderr, "\r\033[K  %.1f MiB%s  %.1f MiB/s", (double)tally->received / 1048576,
	    percent, rate / 1048576);
}

void
pipe_clear_progress(void)
{
	fputs("\r\033[K", stderr);
}
