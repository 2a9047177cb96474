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

/* True where both go on alike: for long enough, or to the end of both. */
static bool
agree(const unsigned char *data, size_t size, const unsigned char *right, size_t forth)
{
	const size_t both = least(least(size, forth), ENOUGH);

	return (both >= LEAST || size == forth) && memcmp(data, right, both) == 0;
}

/* So many bytes stand in the place of others, then it goes on as it should; 0: it does not. */
static size_t
count_replaced(const struct window *window, const unsigned char *data, size_t size)
{
	const unsigned char *right = window->bytes + window->back;

	for (size_t i = 1; i <= size && i <= window->forth; i++)
		if (agree(data + i, size - i, right + i, window->forth - i))
			return i;
	return 0;
}

/* So many bytes stand before those that should come, with which it goes on then; 0: it does not. */
static size_t
count_inserted(const struct window *window, const unsigned char *data, size_t size)
{
	for (size_t i = 1; i <= size; i++)
		if (agree(data + i, size - i, window->bytes + window->back, window->forth))
			return i;
	return 0;
}

/* The first place behind the wrong byte from which it goes on to the end of what came. */
static bool
is_ahead(const struct window *window, const unsigned char *data, size_t size)
{
	const unsigned char *right = window->bytes + window->back;

	for (size_t i = 1; i + LEAST <= window->forth; i++)
		if (memcmp(right + i, data, least(size, window->forth - i)) == 0)
			return true;
	return false;
}

/* True where what came stands before the wrong byte. */
static bool
is_behind(const struct window *window, const unsigned char *data, size_t size)
{
	return size < LEAST ? size <= window->back &&
	    memcmp(window->bytes + window->back - size, data, size) == 0
	    : memmem(window->bytes, window->back, data, least(size, ENOUGH)) != NULL;
}

/* True where parts of the bytes that came in the place of others have changed places. */
static bool
is_moved(const struct window *window, const unsigned char *data, size_t size)
{
	const unsigned char *right = window->bytes + window->back;
	const unsigned char *found = memmem(right, size, data, least(size / 2, ENOUGH));

	return found != NULL &&
	    memmem(data, size, right, least((size_t)(found - right), ENOUGH)) != NULL;
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

/* How many bytes of a head are still to come where the wrong byte is in one; 0: it is not. */
static size_t
rest_of_head(const struct difference *difference, size_t size)
{
	const struct message own = message_of(difference, difference->message);

	return message_has_head(&own) && difference->at < PAYLOAD_HEAD &&
	    difference->at + size >= PAYLOAD_HEAD ? PAYLOAD_HEAD - difference->at : 0;
}

/* The head that came says that it is of another message of this run.  BENCH_ERRORS: it does not. */
static enum bench_error
judge_head(const struct difference *difference, const unsigned char *data, size_t size,
    uint64_t *message)
{
	const struct message own = message_of(difference, difference->message);
	const size_t rest = rest_of_head(difference, size);
	unsigned char head[PAYLOAD_HEAD];
	uint64_t connection, number;

	if (rest == 0)
		return BENCH_ERRORS;
	payload_write_head(difference->payload, &own, head);
	memcpy(head + difference->at, data, rest);
	payload_read_head(difference->payload, head, &connection, &number);
	if (connection == difference->connection && number < difference->begun)
		return judge_own(difference, number, data, size, message);
	return connection < difference->connections && connection != difference->connection
	    ? BENCH_ERROR_SWAPPED : BENCH_ERRORS;
}

/* What came may be of no place of this stream.  BENCH_ERRORS: nothing knows it. */
static enum bench_error
judge_stranger(const struct difference *difference, const unsigned char *data, size_t size)
{
	const size_t rest = rest_of_head(difference, size);
	const size_t part = least(size, ENOUGH), behind = least(size - rest, ENOUGH);

	if (part >= LEAST && difference->is_of_another != NULL &&
	    difference->is_of_another(difference->arg, data, part))
		return BENCH_ERROR_SWAPPED;
	if (behind >= LEAST && payload_knows(difference->payload, data + rest, behind))
		return BENCH_ERROR_OTHER_RUN;
	return BENCH_ERRORS;
}

/* `size` bytes came in the place of others. */
static enum bench_error
judge_replaced(const struct difference *difference, const struct window *window,
    const unsigned char *data, size_t size, uint64_t *message)
{
	enum bench_error kind;

	if (size < LEAST)
		return BENCH_ERROR_WRONG;
	kind = judge_head(difference, data, size, message);
	if (kind == BENCH_ERRORS && is_moved(window, data, size))
		return BENCH_ERROR_MOVED;
	if (kind == BENCH_ERRORS)
		kind = judge_stranger(difference, data, size);
	return kind != BENCH_ERRORS ? kind : BENCH_ERROR_WRONG;
}

/* From the wrong byte on, what came is not at its place. */
static enum bench_error
judge_shifted(const struct difference *difference, const struct window *window,
    const unsigned char *data, size_t size, uint64_t *message)
{
	enum bench_error kind = judge_head(difference, data, size, message);
	size_t inserted;

	if (kind != BENCH_ERRORS)
		return kind;
	if (size >= LEAST && is_ahead(window, data, size))
		return BENCH_ERROR_MISSING;
	inserted = count_inserted(window, data, size);
	if (inserted > 0 && is_behind(window, data, inserted))
		return BENCH_ERROR_DUPLICATE;
	kind = judge_stranger(difference, data, inserted > 0 ? inserted : size);
	if (kind != BENCH_ERRORS)
		return kind;
	return inserted > 0 ? BENCH_ERROR_FOREIGN : BENCH_ERROR_WRONG;
}

enum bench_error
difference_judge(const struct difference *difference, const unsigned char *data, size_t size,
    uint64_t *message)
{
	enum bench_error kind;
	struct window window;
	size_t replaced;

	*message = difference->message;
	if (!open_window(difference, &window))
		return BENCH_ERROR_WRONG;
	replaced = count_replaced(&window, data, size);
	kind = replaced > 0 ? judge_replaced(difference, &window, data, replaced, message)
	    : judge_shifted(difference, &window, data, size, message);
	free(window.bytes);
	return kind;
}

bool
difference_expected(const struct difference *difference, unsigned char *byte)
{
	return write_stream(difference, difference->message, difference->at, byte, 1) == 1;
}
