/*
 * pipe: stdin to the server, what comes back to stdout, compared on the way.
 *
 * While the ring of what has not come back is full nothing more is read, so that the memory
 * does not grow with the stream.
 * Datagrams go one at a time, so that none is lost for want of room.
 */
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/modes.h"
#include "client/pipe/pipe_options.h"
#include "client/pipe/pipe_report.h"
#include "client/pipe/ring.h"
#include "client/report.h"
#include "client/timing.h"
#include "client/transport/reach.h"

/* What one read, send or receive moves at most; any datagram fits. */
#define CHUNK 262144U
#define DATAGRAM 1400U

struct pipe_run {
	struct pipe_options options;
	struct pipe_tally tally;
	struct channel *channel;
	struct event_base *base;
	struct event *from_stdin, *wait_timer, *progress_timer;
	int64_t started;
	int64_t moved;       /* timing_now() when a byte last moved, or the wait began */
	int64_t told;        /* when progress was last told, and what had come by then */
	uint64_t told_bytes;
	size_t before;       /* datagrams: bytes of the last one that came back */
	bool owed;           /* the server owed something when that was last looked at */
	bool shut_down, ended;
	struct ring *ring;   /* of stdin, what has not come back */
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

static void
fail_channel(struct pipe_run *run, int error)
{
	finish(run, ending_of_error(error), error);
}

/* Bytes that were sent and have to come back; of datagrams they are one. */
static uint64_t
outstanding(const struct pipe_run *run)
{
	return run->options.compare ? run->tally.sent - run->tally.received : 0;
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

static void
send_some(struct pipe_run *run)
{
	struct pipe_tally *tally = &run->tally;
	const size_t size = ring_piece(tally->sent, tally->read - tally->sent);
	ssize_t n;

	if (size == 0)
		return;
	n = channel_send(run->channel, ring_at(run->ring, tally->sent), size);
	if (n > 0) {
		tally->sent += (uint64_t)n;
		tally->datagrams++;
		run->moved = timing_now();
	} else if (n == -1 && errno != EAGAIN) {
		fail_channel(run, errno);
	}
}

/* --- the server to stdout ---------------------------------------------------------------- */

/* A datagram that came once more: the bytes before those that wait are still in the ring. */
static bool
is_duplicate(const struct pipe_run *run, const unsigned char *data, size_t size)
{
	return !is_stream(run) && size > 0 && size == run->before &&
	    ring_same(run->ring, run->tally.received - size, data, size) == size;
}

/* What is wrong with `size` bytes of which only the first `same` are those that were sent. */
static void
tell_difference(struct pipe_run *run, const unsigned char *data, size_t size, size_t same)
{
	struct pipe_tally *tally = &run->tally;

	tally->offset = tally->received + same;
	if (is_duplicate(run, data, size)) {
		tally->datagram = tally->datagrams - (outstanding(run) > 0);
		finish(run, ENDING_DUPLICATE, 0);
	} else if (tally->offset == tally->sent) {
		finish(run, ENDING_SURPLUS, 0);
	} else {
		tally->seen = data[same];
		tally->expected = *ring_at(run->ring, tally->offset);
		finish(run, ENDING_DIFFERENCE, 0);
	}
}

/* Returns how many bytes are right and go to stdout; ends the run where that is not all of them. */
static size_t
compare(struct pipe_run *run, const unsigned char *data, size_t size)
{
	struct pipe_tally *tally = &run->tally;
	const size_t known = (size_t)smaller(size, tally->sent - tally->received);
	const size_t same = ring_same(run->ring, tally->received, data, known);

	if (same < size) {
		tell_difference(run, data, size, same);
	} else if (!is_stream(run) && size < outstanding(run)) {
		tally->reply = (unsigned)size;
		tally->asked = (unsigned)outstanding(run);
		finish(run, ENDING_TRUNCATED, 0);
	}
	/* Of a datagram that is not right nothing is. */
	return run->ended && !is_stream(run) ? 0 : same;
}

static bool
write_stdout(struct pipe_run *run, const unsigned char *data, size_t size)
{
	struct pollfd writable = { .fd = STDOUT_FILENO, .events = POLLOUT };

	while (size > 0) {
		const ssize_t n = write(STDOUT_FILENO, data, size);

		if (n >= 0) {
			data += n;
			size -= (size_t)n;
		} else if (errno == EAGAIN) {
			poll(&writable, 1, -1);
		} else if (errno != EINTR) {
			finish(run, errno == EPIPE ? ENDING_STDOUT_CLOSED : ENDING_STDOUT_FAILED,
			    errno);
			return false;
		}
	}
	return true;
}

static void
end_of_stream(struct pipe_run *run)
{
	const struct pipe_tally *tally = &run->tally;
	const bool all_back = tally->received == tally->read || !run->options.compare;

	finish(run, run->shut_down && all_back ? ENDING_DONE : ENDING_CLOSED, 0);
}

static void advance(struct pipe_run *run);

static void
on_readable(void *arg)
{
	struct pipe_run *run = arg;
	const ssize_t n = channel_receive(run->channel, run->chunk, CHUNK, NULL);
	size_t right = n > 0 ? (size_t)n : 0;

	if (n == -1) {
		if (errno == 0)
			end_of_stream(run);
		else if (errno != EAGAIN)
			fail_channel(run, errno);
		return;
	}
	if (run->options.compare)
		right = compare(run, run->chunk, (size_t)n);
	if (!write_stdout(run, run->chunk, right))
		return;
	run->tally.received += right;
	run->before = right;
	run->moved = timing_now();
	advance(run);
}

/* The reply may come from another address than the server's: that is told once. */
static void
on_stranger(void *arg, const unsigned char *head, size_t kept, size_t size)
{
	const struct pipe_run *run = arg;
	char from[ADDRESS_TEXT_SIZE];

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

	if (tally->sent < tally->read)
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
	else if (!run->options.compare && !is_stream(run) && tally->sent == tally->read)
		finish(run, ENDING_DONE, 0); /* who knows whether a reply was to come */
	else if (run->shut_down && run->options.compare && tally->received == tally->read)
		finish(run, ENDING_UNCLOSED, 0);
	else
		finish(run, ENDING_TIMEOUT, 0);
}

static void
want_stdin(struct pipe_run *run, bool wanted)
{
	if (wanted && !event_pending(run->from_stdin, EV_READ, NULL))
		event_add(run->from_stdin, NULL);
	else if (!wanted)
		event_del(run->from_stdin);
}

/* Decides what to wait for, after anything has moved. */
static void
advance(struct pipe_run *run)
{
	const struct pipe_tally *tally = &run->tally;
	const bool unsent = tally->sent < tally->read;

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
	channel_want_write(run->channel, unsent);
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
on_stdin(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	read_stdin(arg);
	on_writable(arg);
}

static void
on_progress(evutil_socket_t fd, short what, void *arg)
{
	struct pipe_run *run = arg;
	const int64_t now = timing_now();
	const double bytes = (double)(run->tally.received - run->told_bytes);

	(void)fd;
	(void)what;
	pipe_print_progress(&run->tally, bytes / timing_seconds(now - run->told));
	run->told = now;
	run->told_bytes = run->tally.received;
}

/* --- the start and the end ------------------------------------------------------------------- */

static const struct channel_user channel_user = {
	.readable = on_readable,
	.writable = on_writable,
	.stranger = on_stranger,
};

static bool
prepare(struct pipe_run *run)
{
	run->ring = malloc(sizeof(*run->ring));
	run->from_stdin = event_new(run->base, STDIN_FILENO, EV_READ | EV_PERSIST, on_stdin, run);
	run->wait_timer = evtimer_new(run->base, on_wait_over, run);
	run->progress_timer = event_new(run->base, -1, EV_PERSIST, on_progress, run);
	channel_serve(run->channel, &channel_user, run);
	channel_want_read(run->channel, true);
	return run->ring != NULL && run->from_stdin != NULL && run->wait_timer != NULL &&
	    run->progress_timer != NULL;
}

static void
dispose(struct pipe_run *run)
{
	event_free(run->from_stdin);
	event_free(run->wait_timer);
	event_free(run->progress_timer);
	channel_free(run->channel);
	event_base_free(run->base);
	free(run->ring);
	free(run);
}

/* What is still to be read of a file; 0: unknown. */
static uint64_t
size_of_stdin(void)
{
	const off_t at = lseek(STDIN_FILENO, 0, SEEK_CUR);
	struct stat st;

	if (at == -1 || fstat(STDIN_FILENO, &st) == -1 || !S_ISREG(st.st_mode) || st.st_size < at)
		return 0;
	return (uint64_t)(st.st_size - at);
}

static int
copy(struct pipe_run *run)
{
	const bool shows_progress = isatty(STDERR_FILENO) && !run->options.common.json;
	const struct timeval second = { 1, 0 };
	int status;

	run->started = run->told = timing_now();
	run->tally.stdin_size = size_of_stdin();
	if (shows_progress)
		event_add(run->progress_timer, &second);
	advance(run);
	event_base_dispatch(run->base);
	if (shows_progress)
		pipe_clear_progress();
	status = ending_status(run->tally.end, run->tally.received > 0);
	if (run->options.common.json)
		return pipe_print_json(&run->options, &run->tally, run->channel,
		    timing_seconds(timing_now() - run->started), status);
	pipe_print_end(&run->options, &run->tally, run->channel);
	return status;
}

int
pipe_main(int argc, char **argv)
{
	struct pipe_run *run = calloc(1, sizeof(*run));
	const char *fault;
	int status;

	if (run == NULL)
		report_unusable("%s", strerror(errno));
	pipe_options_read(&run->options, argc, argv);
	signal(SIGPIPE, SIG_IGN); /* a closed stdout is told as one */
	run->base = timing_base_new(true);
	run->channel = reach_first(run->base, &run->options.common.wish, &fault);
	if (run->channel == NULL)
		report_unusable("%s", fault);
	if (!prepare(run))
		report_unusable("cannot start: %s", strerror(errno));
	status = copy(run);
	dispose(run);
	return status;
}
