/*
 * mtu over a stream: a few bytes, which come back on any path, and then as many as fill some
 * segments each way, so that the system learns how long these may be.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/measure/message.h"
#include "client/mtu/mtu_internal.h"
#include "client/timing.h"

/* Bytes: the few, and how many more at least. */
#define FEW MESSAGE_LEAST
#define MANY 65536

/* More of them than one that is cut short at the end: segments. */
#define SEGMENTS 4

/* The loop has its turn after so many receives. */
#define TURN_RECEIVES 64

/* A path on which they have to be found out takes its time: how many waits nothing may move. */
#define WAITS 10

static int64_t
patience(const struct mtu *run)
{
	return timing_nanoseconds(run->options.wait) * WAITS;
}

/* Where no full one came back, what the system has of these is its first guess. */
static void
note_segments(struct mtu *run)
{
	struct mtu_found *found = &run->found;

	found->has_segments = channel_segments(run->channel, &found->segments);
	if (found->echoed <= FEW)
		found->segments.back = 0;
}

/* The byte at `at` of the stream: a message again and again. */
static const unsigned char *
at_offset(const struct mtu *run, uint64_t at, size_t *left)
{
	const size_t offset = at % sizeof(run->out);

	*left = sizeof(run->out) - offset;
	return run->out + offset;
}

static void
on_writable(void *arg)
{
	struct mtu *run = arg;
	size_t left;
	const unsigned char *data = at_offset(run, run->sent, &left);
	const uint64_t unsent = run->found.asked - run->sent;
	const ssize_t n = channel_send(run->channel, data, unsent < left ? unsent : left);

	if (n > 0) {
		run->sent += (uint64_t)n;
		run->moved = timing_now();
	}
	channel_want_write(run->channel, run->sent < run->found.asked);
}

static void
ask_for_many(struct mtu *run)
{
	struct channel_segments segments;
	uint64_t many = MANY;

	if (channel_segments(run->channel, &segments) &&
	    (uint64_t)segments.there * SEGMENTS > many)
		many = (uint64_t)segments.there * SEGMENTS;
	run->found.asked += many;
	channel_want_write(run->channel, true);
}

/* `n` more bytes are in run->in. */
static void
take(struct mtu *run, size_t n)
{
	struct mtu_found *found = &run->found;
	size_t left;
	const unsigned char *right = at_offset(run, found->echoed, &left);

	run->moved = timing_now();
	if (memcmp(run->in, right, n) != 0 || found->echoed + n > run->sent) {
		found->corrupt++;
		mtu_end(run, ENDING_DIFFERENCE);
		return;
	}
	found->echoed += n;
	if (found->echoed < found->asked)
		return;
	if (found->asked == FEW) {
		ask_for_many(run);
		return;
	}
	note_segments(run);
	mtu_end(run, ENDING_DONE);
}

static void
lose(struct mtu *run, int error)
{
	snprintf(run->lost, sizeof(run->lost), "%s: %s", run->peer,
	    channel_error_text(run->channel, error));
	run->found.lost = run->lost;
	mtu_end(run, ending_of_error(error));
}

static void
on_readable(void *arg)
{
	struct mtu *run = arg;

	for (int i = 0; i < TURN_RECEIVES && !run->ended; i++) {
		size_t left;
		ssize_t n;

		at_offset(run, run->found.echoed, &left);
		n = channel_receive(run->channel, run->in, left, NULL);
		if (n >= 0)
			take(run, (size_t)n);
		else if (errno == EAGAIN)
			return;
		else
			lose(run, errno);
	}
}

/* The timer is not set anew for each byte: it looks when the last one moved. */
void
mtu_on_timer_of_segments(struct mtu *run)
{
	on_readable(run);
	if (run->ended)
		return;
	if (timing_now() < run->moved + patience(run)) {
		timing_arm(run->timer, run->moved + patience(run));
		return;
	}
	note_segments(run);
	mtu_end(run, ENDING_TIMEOUT);
}

void
mtu_begin_segments(struct mtu *run)
{
	message_write(run->token, 1, run->out, sizeof(run->out));
	run->found.asked = FEW;
	run->moved = timing_now();
	timing_arm(run->timer, run->moved + patience(run));
	channel_want_write(run->channel, true);
}

const struct channel_user mtu_segments_user = {
	.readable = on_readable,
	.writable = on_writable,
};
