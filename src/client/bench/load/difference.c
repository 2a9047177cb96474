/* What is wrong with a stream: see difference.h. */
#include "client/bench/load/difference.h"

#include <stdlib.h>
#include <string.h>

/* How much of the stream is looked at, before the wrong byte and from it on: bytes. */
#define BACK_MOST 131072
#define FORTH_MOST 262144

/* How many bytes that agree are no chance, and how many are asked for where they are there. */
#define LEAST 6
#define ENOUGH 32

/* The most bytes that are wrong in themselves. */
#define WRONG_MOST 64

/* The stream around the wrong byte, as it should be. */
struct window {
	size_t back, forth; /* bytes of it before, and from it on */
	unsigned char *bytes;
};

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static struct message
message_of(const struct difference *difference, uint64_t number)
{
	return (struct message){ difference->connection, number,
		sizes_pick(difference->sizes, difference->connection, number) };
}

static size_t
sent_of(const struct difference *difference, const struct message *message)
{
	if (message->number >= difference->begun)
		return 0;
	return message->number + 1 == difference->begun ? difference->out : message->size;
}

/* --- the window -------------------------------------------------------------------------- */

/* Writes `most` bytes at most of the stream, from a byte of a message on. */
static size_t
write_stream(const struct difference *difference, uint64_t number, size_t at,
    unsigned char *bytes, size_t most)
{
	size_t size = 0, part;

	for (; number < difference->begun && size < most; number++, at = 0, size += part) {
		const struct message message = message_of(difference, number);
		const size_t sent = sent_of(difference, &message);

		part = at < sent ? least(sent - at, most - size) : 0;
		payload_write(difference->payload, &message, at, bytes + size, part);
	}
	return size;
}

static bool
open_window(const struct difference *difference, struct window *window)
{
	uint64_t number = difference->message;
	size_t back = least(difference->at, BACK_MOST), at = difference->at - back;

	while (at == 0 && number > difference->first) {
		const size_t size = message_of(difference, number - 1).size;

		if (back + size > BACK_MOST)
			break;
		back += size;
		number--;
	}
	window->bytes = malloc(BACK_MOST + FORTH_MOST);
	if (window->bytes == NULL)
		return false;
	window->back = write_stream(difference, number, at, window->bytes, back);
	window->forth = write_stream(difference, difference->message, difference->at,
	    window->bytes + window->back, FORTH_MOST);
	return true;
}

/* --- what it may be ---------------------------------------------------------------------- */

/* A few bytes are others, and behind them it goes on as it should. */
static bool
is_wrong(const struct window *window, const unsigned char *data, size_t size)
{
	const unsigned char *right = window->bytes + window->back;
	const size_t both = least(size, window->forth);

	for (size_t from = 1; from <= least(both, WRONG_MOST); from++) {
		const size_t more = least(both - from, ENOUGH);

		if (more < LEAST && size != window->forth)
			return false;
		if (memcmp(data + from, right + from, more) == 0)
			return true;
	}
	return false;
}

/* A message of this connection that should not come now. */
static enum bench_error
judge_own(const struct difference *difference, uint64_t number, const unsigned char *data,
    size_t size, uint64_t *message)
{
	const struct message skipped = message_of(difference, difference->message);
	unsigned char head[PAYLOAD_HEAD];

	*message = number < difference->message ? number : difference->message;
	if (number < difference->message)
		return BENCH_ERROR_DUPLICATE;
	payload_write_head(difference->payload, &skipped, head);
	return memmem(data, size, head, sizeof(head)) != NULL ? BENCH_ERROR_REORDERED
	    : BENCH_ERROR_MISSING;
}

/* The head that came says whose message it is.  BENCH_ERRORS: it says nothing. */
static enum bench_error
judge_head(const struct difference *difference, const unsigned char *data, size_t size,
    uint64_t *message)
{
	const struct message own = message_of(difference, difference->message);
	unsigned char head[PAYLOAD_HEAD];
	size_t rest;
	uint64_t connection, number;

	if (!message_has_head(&own) || difference->at >= PAYLOAD_HEAD ||
	    difference->at + size < PAYLOAD_HEAD)
		return BENCH_ERRORS;
	rest = PAYLOAD_HEAD - difference->at;
	payload_write_head(difference->payload, &own, head);
	memcpy(head + difference->at, data, rest);
	payload_read_head(difference->payload, head, &connection, &number);
	if (connection == difference->connection && number < difference->begun)
		return judge_own(difference, number, data, size, message);
	if (connection < difference->connections && connection != difference->connection)
		return BENCH_ERROR_SWAPPED;
	if (own.size == PAYLOAD_HEAD || (size - rest >= LEAST &&
	    payload_knows(difference->payload, data + rest,
	    least(least(size - rest, own.size - PAYLOAD_HEAD), ENOUGH))))
		return BENCH_ERROR_OTHER_RUN;
	return BENCH_ERRORS;
}

/* What came stands elsewhere in the stream.  BENCH_ERRORS: it does not. */
static enum bench_error
judge_place(const struct window *window, const unsigned char *data, size_t size)
{
	const size_t all = window->back + window->forth, part = least(size, ENOUGH);
	const unsigned char *right = window->bytes + window->back, *found;
	size_t skipped;

	if (part < LEAST)
		return BENCH_ERRORS;
	found = memmem(window->bytes, all, data, part);
	if (found == NULL)
		return BENCH_ERRORS;
	if (found < right)
		return BENCH_ERROR_DUPLICATE;
	skipped = least((size_t)(found - right), ENOUGH);
	return memmem(data, size, right, skipped) != NULL ? BENCH_ERROR_MOVED : BENCH_ERROR_MISSING;
}

/* What came is of no place of this stream that is known. */
static enum bench_error
judge_stranger(const struct difference *difference, const struct window *window,
    const unsigned char *data, size_t size)
{
	const size_t part = least(size, ENOUGH);

	if (part >= LEAST && difference->is_of_another != NULL &&
	    difference->is_of_another(difference->arg, data, part))
		return BENCH_ERROR_SWAPPED;
	if (part >= LEAST && payload_knows(difference->payload, data, part))
		return BENCH_ERROR_OTHER_RUN;
	return window->forth > 0 ? BENCH_ERROR_WRONG : BENCH_ERROR_FOREIGN;
}

enum bench_error
difference_judge(const struct difference *difference, const unsigned char *data, size_t size,
    uint64_t *message)
{
	enum bench_error kind = BENCH_ERRORS;
	struct window window;

	*message = difference->message;
	if (!open_window(difference, &window))
		return BENCH_ERROR_WRONG;
	if (is_wrong(&window, data, size))
		kind = BENCH_ERROR_WRONG;
	if (kind == BENCH_ERRORS)
		kind = judge_head(difference, data, size, message);
	if (kind == BENCH_ERRORS)
		kind = judge_place(&window, data, size);
	if (kind == BENCH_ERRORS)
		kind = judge_stranger(difference, &window, data, size);
	free(window.bytes);
	return kind;
}

bool
difference_expected(const struct difference *difference, unsigned char *byte)
{
	return write_stream(difference, difference->message, difference->at, byte, 1) == 1;
}
