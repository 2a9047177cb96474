/*
 * pipe: stdin to the server, what comes back to stdout, compared on the way.
 *
 * While the ring of what has not come back is full nothing more is read, so that the memory
 * does not grow with the stream.
 * Datagrams go one at a time, so that none is lost for want of room, and at a rate, so that
 * none is lost by a limit of the server's.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/interrupt.h"
#include "client/modes.h"
#include "client/pipe/comparison.h"
#include "client/pipe/datagrams.h"
#include "client/pipe/pipe_options.h"
#include "client/pipe/pipe_report.h"
#include "client/pipe/progress.h"
#include "client/pipe/ring.h"
#include "client/report.h"
#include "client/standard.h"
#include "client/timing.h"
#include "client/transport/reach.h"
#include "client/transport/up.h"

/* What one read, send or receive moves at most; any datagram fits. */
#define CHUNK 262144U
#define DATAGRAM 1400U

struct pipe_run {
	struct pipe_options options;
	struct pipe_tally tally;
	struct channel *channel;
	struct event_base *base;
	struct event *from_stdin, *wait_timer, *turn_timer;
	int64_t started;
	int64_t moved;       /* timing_now() when a byte last moved, or the wait began */
	struct datagrams datagrams; /* of a stream without a limit */
	bool owed;           /* the server owed something when that was last looked at */
	bool shut_down, ended;
	struct ring *ring;   /* of stdin, what has not come back */
	struct comparison comparison;
	unsigned char chunk[CHUNK];
};

static bool
is_stream(const struct pipe_run *run)
{
	return channel_is_stream(&run->options.common.wish);
}

static void
finish(struct pipe_run *run, enum ending end, int error)
{
	if (run->ended)
		return;
	run->ended = true;
	run->tally.end = end;
	run->tally.error = error;
	event_base_loopbreak(run->base);
}

static uint64_t
smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Bytes that have to come back; with --no-compare none. */
static uint64_t
outstanding(const struct pipe_run *run)
{
	return run->options.compare ? pipe_tally_outstanding(&run->tally) : 0;
}

/* --- stdin to the server --------------------------------------------------------------- */

/* How many bytes may be read now. */
static size_t
room(const struct pipe_run *run)
{
	const struct pipe_tally *tally = &run->tally;
	const uint64_t kept_from = run->options.compare ? tally->received : tally->sent;
	const uint64_t used = tally->read - kept_from;

	if (!is_stream(run) && used > 0)
		return 0;
	return ring_piece(tally->read,
	    smaller(RING_SIZE - used, is_stream(run) ? CHUNK : DATAGRAM));
}

static void
read_stdin(struct pipe_run *run)
{
	struct pipe_tally *tally = &run->tally;
	const size_t most = room(run);
	ssize_t n;

	if (most == 0)
		return;
	n = read(STDIN_FILENO, ring_at(run->ring, tally->read), most);
	if (n > 0)
		tally->read += (uint64_t)n;
	else if (n == 0)
		tally->stdin_ended = true;
	else if (errno != EAGAIN && errno != EINTR)
		finish(run, ENDING_STDIN_FAILED, errno);
}

/*
 * Of datagrams an error is news of the way there, told once and in place of what was asked
 * for: the MTU of a path, a firewall, a server that is started anew.  What the kernel refused
 * was not sent, and what waits did not get through: it goes again.
 */
static void
take_trouble(struct pipe_run *run, int error)
{
	if (is_stream(run) || (error == ECONNREFUSED && run->tally.received == 0)) {
		finish(run, ending_of_error(error), error);
		return;
	}
	run->tally.trouble = error;
	datagrams_trouble(&run->datagrams, outstanding(run) > 0, timing_now());
}

/* The byte to be sent next. */
static uint64_t
next_byte(const struct pipe_run *run)
{
	return run->datagrams.again ? run->tally.received : run->tally.sent;
}

static void
count_sent(struct pipe_run *run, size_t size)
{
	struct pipe_tally *tally = &run->tally;
	const int64_t now = timing_now();

	if (!datagrams_sent(&run->datagrams, now)) {
		tally->resent++;
		return; /* the wait goes on */
	}
	tally->sent += size;
	tally->datagrams++;
	tally->sending_seconds = timing_seconds(now - run->started);
	run->moved = now;
}

/* Sending tells whether this host has a way; who is far and knows none answers the receiver. */
static void
fail_to_send(struct pipe_run *run, int error)
{
	if (!is_stream(run) && channel_has_no_way(error))
		channel_close(run->channel);
	take_trouble(run, error);
}

static void advance(struct pipe_run *run);

static void
on_opened(void *arg, int error)
{
	struct pipe_run *run = arg;

	if (error == 0)
		channel_want_read(run->channel, true);
	else
		take_trouble(run, error);
	advance(run);
}

static void
open_again(struct pipe_run *run)
{
	const int error = channel_connect(run->channel, NULL, on_opened, run);

	if (error != 0)
		take_trouble(run, error);
}

static void
send_some(struct pipe_run *run)
{
	const uint64_t next = next_byte(run);
	const size_t size = ring_piece(next, run->tally.read - next);
	ssize_t n;

	if (size == 0 || timing_now() < datagrams_turn(&run->datagrams))
		return;
	if (channel_state(run->channel) == CHANNEL_CLOSED)
		open_again(run);
	if (channel_state(run->channel) != CHANNEL_OPEN)
		return;
	n = channel_send(run->channel, ring_at(run->ring, next), size);
	if (n > 0)
		count_sent(run, (size_t)n);
	else if (n == -1 && errno != EAGAIN)
		fail_to_send(run, errno);
}

/* --- the server to stdout ---------------------------------------------------------------- */

static void
on_stdout_failed(void *arg)
{
	const int error = standard_error();

	finish(arg, error == EPIPE ? ENDING_STDOUT_CLOSED : ENDING_STDOUT_FAILED, error);
}

static void
end_of_stream(struct pipe_run *run)
{
	const struct pipe_tally *tally = &run->tally;
	const bool all_back = tally->received == tally->read || !run->options.compare;

	finish(run, run->shut_down && all_back ? ENDING_DONE : ENDING_CLOSED, 0);
}

/* Of datagrams the one that waited has come back. */
static void
count_received(struct pipe_run *run, size_t size)
{
	struct pipe_tally *tally = &run->tally;

	if (run->options.compare) {
		datagrams_came(&run->datagrams, tally->received, size);
		tally->trouble = 0;
	}
	tally->received += size;
	run->comparison.before = size;
	run->moved = timing_now();
}

/* `error` is 0 where the server has closed the stream. */
static void
receive_none(struct pipe_run *run, int error)
{
	if (error == 0) {
		end_of_stream(run);
	} else if (error != EAGAIN) {
		take_trouble(run, error);
		advance(run);
	}
}

/* Returns how many bytes are right and go to stdout; ends the run where that is not all of them. */
static size_t
compare(struct pipe_run *run, size_t size)
{
	enum ending end;
	const size_t right = comparison_of(&run->comparison, run->chunk, size, &end);

	if (end != ENDING_DONE)
		finish(run, end, 0);
	return right;
}

static void
on_readable(void *arg)
{
	struct pipe_run *run = arg;
	const ssize_t n = channel_receive(run->channel, run->chunk, CHUNK, NULL);
	size_t right = n > 0 ? (size_t)n : 0;

	if (n == -1) {
		receive_none(run, errno);
		return;
	}
	if (comparison_takes_copy(&run->comparison, &run->datagrams, run->chunk, right))
		return;
	if (run->options.compare)
		right = compare(run, right);
	if (!standard_write(run->chunk, right))
		return; /* on_stdout_failed() tells why */
	count_received(run, right);
	advance(run);
}

/* The reply may come from another address than the server's: that is told once. */
static void
on_stranger(void *arg, const unsigned char *head, size_t kept, size_t size)
{
	const struct pipe_run *run = arg;
	char from[CHANNEL_TEXT_SIZE];

	(void)head;
	(void)kept;
	(void)size;
	if (channel_strangers(run->channel, from) == 1 && !run->options.common.json)
		report_fault("%s has sent a datagram and was not asked", from);
}

/* --- what is next -------------------------------------------------------------------------- */

/* True while it is the server's turn: to take bytes, to give them back, or to close. */
static bool
server_owes(const struct pipe_run *run)
{
	const struct pipe_tally *tally = &run->tally;

	if (tally->sent < tally->read && timing_now() >= pace_due(&run->datagrams.pace))
		return true;
	if (outstanding(run) > 0)
		return true;
	return is_stream(run) ? run->shut_down : tally->stdin_ended;
}

static void
watch_wait(struct pipe_run *run)
{
	const bool owed = server_owes(run);

	if (owed && !run->owed)
		run->moved = timing_now();
	run->owed = owed;
	if (owed && !event_pending(run->wait_timer, EV_TIMEOUT, NULL))
		timing_arm(run->wait_timer,
		    run->moved + timing_nanoseconds(run->options.wait));
}

static void
end_waiting_for_datagrams(struct pipe_run *run)
{
	const struct pipe_tally *tally = &run->tally;

	if (tally->trouble == ECONNREFUSED)
		finish(run, ENDING_REFUSED, tally->trouble);
	else if (run->options.compare || tally->sent < tally->read)
		finish(run, ENDING_TIMEOUT, tally->trouble);
	else /* who knows whether a reply was to come */
		finish(run, tally->trouble == 0 ? ENDING_DONE : ENDING_LOST, tally->trouble);
}

/* The timer is not set anew for each byte: it looks when the last one moved. */
static void
on_wait_over(evutil_socket_t fd, short what, void *arg)
{
	struct pipe_run *run = arg;
	const struct pipe_tally *tally = &run->tally;
	const int64_t over = run->moved + timing_nanoseconds(run->options.wait);

	(void)fd;
	(void)what;
	if (!server_owes(run))
		return;
	if (timing_now() < over)
		timing_arm(run->wait_timer, over);
	else if (!is_stream(run))
		end_waiting_for_datagrams(run);
	else if (run->shut_down && run->options.compare && tally->received == tally->read)
		finish(run, ENDING_UNCLOSED, 0);
	else
		finish(run, ENDING_TIMEOUT, 0);
}

static void
want_stdin(struct pipe_run *run, bool wanted)
{
	if (wanted)
		event_add(run->from_stdin, NULL);
	else
		event_del(run->from_stdin);
}

/* Waits until the channel takes what is next, or until its turn comes. */
static void
want_send(struct pipe_run *run)
{
	const bool unsent = next_byte(run) < run->tally.read;
	const int64_t turn = datagrams_turn(&run->datagrams);
	const bool is_turn = timing_now() >= turn;

	if (channel_state(run->channel) == CHANNEL_OPEN)
		channel_want_write(run->channel, unsent && is_turn);
	if (unsent && !is_turn)
		timing_arm(run->turn_timer, turn);
}

/* Decides what to wait for, after anything has moved. */
static void
advance(struct pipe_run *run)
{
	const struct pipe_tally *tally = &run->tally;
	const bool unsent = next_byte(run) < tally->read;

	if (!channel_can_send(run->channel)) {
		want_stdin(run, false);
		return; /* on_readable() tells why */
	}
	if (tally->stdin_ended && !unsent && !run->shut_down && is_stream(run)) {
		channel_shut_down(run->channel);
		run->shut_down = true;
	}
	if (tally->stdin_ended && !unsent && !is_stream(run) && run->options.compare &&
	    outstanding(run) == 0) {
		finish(run, ENDING_DONE, 0);
		return;
	}
	want_stdin(run, !tally->stdin_ended && room(run) > 0);
	want_send(run);
	watch_wait(run);
}

static void
on_writable(void *arg)
{
	struct pipe_run *run = arg;

	send_some(run);
	advance(run);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	on_writable(arg);
}

static void
on_stdin(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	read_stdin(arg);
	on_writable(arg);
}

/* --- the start and the end ------------------------------------------------------------------- */

static void
on_interrupt(void *arg)
{
	finish(arg, ENDING_INTERRUPTED, 0);
}

static const struct channel_user channel_user = {
	.readable = on_readable,
	.writable = on_writable,
	.stranger = on_stranger,
};

static bool
prepare(struct pipe_run *run)
{
	run->ring = malloc(sizeof(*run->ring));
	run->comparison =
	    (struct comparison){ .ring = run->ring, .tally = &run->tally, .stream = is_stream(run) };
	run->from_stdin = event_new(run->base, STDIN_FILENO, EV_READ | EV_PERSIST, on_stdin, run);
	run->wait_timer = evtimer_new(run->base, on_wait_over, run);
	run->turn_timer = evtimer_new(run->base, on_turn, run);
	datagrams_init(&run->datagrams, run->options.rate);
	return run->ring != NULL && run->from_stdin != NULL && run->wait_timer != NULL &&
	    run->turn_timer != NULL &&
	    interrupt_watch(run->base, on_interrupt, run) &&
	    standard_watch(run->base, on_stdout_failed, run);
}

/* Ends the program where nobody is reached, but for what is wrong with stdout by then. */
static void
reach_server(struct pipe_run *run)
{
	const struct common_arguments *common = &run->options.common;
	const char *fault = NULL;
	enum ending ending = up_await(run->base, &common->wish, common->until_up,
	    run->options.compare, &fault);

	if (ending == ENDING_DONE)
		run->channel = reach_first(run->base, &common->wish, &ending, &fault);
	if (run->channel != NULL) {
		channel_serve(run->channel, &channel_user, run);
		channel_want_read(run->channel, true);
	} else if (!run->ended || run->tally.end == ENDING_INTERRUPTED) {
		common_unreached(common, ending, fault);
	}
}

static void
dispose(struct pipe_run *run)
{
	interrupt_unwatch();
	standard_unwatch();
	event_free(run->from_stdin);
	event_free(run->wait_timer);
	event_free(run->turn_timer);
	channel_free(run->channel);
	event_base_free(run->base);
	free(run->ring);
	common_dispose(&run->options.common);
	free(run);
}

static json_t *
fields(const void *arg)
{
	const struct pipe_run *run = arg;

	return pipe_fields(&run->options, &run->tally, run->channel,
	    timing_seconds(timing_now() - run->started));
}

/* Tells how it ended.  Returns the exit status. */
static int
conclude(const struct pipe_run *run)
{
	int status = ending_status(run->tally.end, run->tally.received > 0);
	char reason[PIPE_REASON_SIZE];

	if (run->tally.end == ENDING_INTERRUPTED)
		status = EXIT_WRONG; /* the rest has not come back */
	pipe_reason(&run->options, &run->tally, run->channel, reason);
	if (report_is_object())
		return report_object(run->tally.end, reason, status);
	if (*reason != '\0')
		report_fault("%s", reason);
	if (!run->options.quiet)
		pipe_print_summary(&run->options, &run->tally, run->channel,
		    timing_seconds(timing_now() - run->started));
	return status;
}

static int
copy(struct pipe_run *run)
{
	struct progress *progress = NULL;

	run->started = timing_now();
	if (!run->options.common.json && !run->options.quiet)
		progress = progress_begin(run->base, &run->tally);
	if (!run->ended) {
		advance(run);
		event_base_dispatch(run->base);
	}
	progress_end(progress);
	return conclude(run);
}

int
pipe_main(int argc, char **argv)
{
	struct pipe_run *run = calloc(1, sizeof(*run));
	int status;

	if (run == NULL)
		report_unusable("%s", strerror(errno));
	pipe_options_read(&run->options, argc, argv);
	run->started = timing_now();
	if (run->options.common.json)
		report_as_object((struct report){ "pipe", run->options.common.uri, stderr, fields,
		    run });
	signal(SIGPIPE, SIG_IGN); /* a closed stdout is told as one */
	run->base = timing_base_new(true);
	if (!prepare(run))
		report_unusable("cannot start: %s", strerror(errno));
	reach_server(run);
	status = copy(run);
	dispose(run);
	return status;
}
