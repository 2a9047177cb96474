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

/* The most bytes that are wrong in themselves, and not another's. */
#define WRONG_MOST 4

/* The stream around the wrong byte, as it should be. */
struct window {
	size_t back, forth; /* bytes of it before, and from it on */
	unsigned char *bytes;
};

static struct message
message_of(const struct difference *difference, uint64_t number)
{
	return (struct message){ difference->connection, number,
		mix_pick(difference->sizes, difference->connection, number) };
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

/*
 * After how many bytes it goes on as it should, those being in the place of as many others;
 * SIZE_MAX: it does not, so that bytes are missing, or there are more.
 */
static size_t
find_end(const struct window *window, const unsigned char *data, size_t size)
{
	const unsigned char *right = window->bytes + window->back;
	const size_t both = least(size, window->forth);
	size_t end = 1;

	for (; end + LEAST <= both; end++)
		if (memcmp(data + end, right + end, least(both - end, ENOUGH)) == 0)
			return end;
	for (end = 1; end < both && size == window->forth; end++)
		if (memcmp(data + end, right + end, both - end) == 0)
			return end;
	return both == size && both == window->forth && both <= WRONG_MOST ? both : SIZE_MAX;
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

/* Writes the head that came, if it did as a whole.  Returns how many bytes of it did, 0: it is none. */
static size_t
take_head(const struct difference *difference, const unsigned char *data, size_t size,
    unsigned char head[PAYLOAD_HEAD])
{
	const struct message own = message_of(difference, difference->message);
	const size_t at = difference->at;

	if (!message_has_head(&own) || at >= PAYLOAD_HEAD || at + size < PAYLOAD_HEAD)
		return 0;
	payload_write_head(difference->payload, &own, head);
	memcpy(head + at, data, PAYLOAD_HEAD - at);
	return PAYLOAD_HEAD - at;
}

/* The head that came says whose message it is.  BENCH_ERRORS: it says nothing. */
static enum bench_error
judge_head(const struct difference *difference, const unsigned char *data, size_t size,
    uint64_t *message)
{
	unsigned char head[PAYLOAD_HEAD];
	uint64_t connection, number;

	if (take_head(difference, data, size, head) == 0)
		return BENCH_ERRORS;
	payload_read_head(difference->payload, head, &connection, &number);
	if (connection == difference->connection && number < difference->begun)
		return judge_own(difference, number, data, size, message);
	if (connection < difference->connections && connection != difference->connection)
		return BENCH_ERROR_SWAPPED;
	return BENCH_ERRORS;
}

/* The last place before `end` bytes where a part stands, or NULL. */
static const unsigned char *
find_last(const unsigned char *bytes, size_t end, const unsigned char *part, size_t size)
{
	const unsigned char *last = NULL, *found = bytes;

	while ((found = memmem(found, (size_t)(bytes + end - found), part, size)) != NULL)
		last = found++;
	return last;
}

/* Right behind what came from `from` on comes what should be before it. */
static bool
comes_behind(const struct window *window, const unsigned char *from, const unsigned char *data,
    size_t size)
{
	const unsigned char *right = window->bytes + window->back;
	const size_t skipped = least((size_t)(from - right), ENOUGH);
	const size_t most = least(size, window->forth - (size_t)(from - right));
	size_t same = 0;

	while (same < most && data[same] == from[same])
		same++;
	return skipped >= LEAST && same + skipped <= size &&
	    memcmp(data + same, right, skipped) == 0;
}

/* What came stands elsewhere in the stream: nearby.  BENCH_ERRORS: it does not. */
static enum bench_error
judge_place(const struct window *window, const unsigned char *data, size_t size)
{
	const unsigned char *right = window->bytes + window->back, *before, *behind;
	const size_t part = least(size, ENOUGH);

	if (part < LEAST)
		return BENCH_ERRORS;
	before = find_last(window->bytes, window->back + least(window->forth, part - 1), data, part);
	behind = memmem(right, window->forth, data, part);
	if (behind == NULL)
		return before != NULL ? BENCH_ERROR_DUPLICATE : BENCH_ERRORS;
	if (before != NULL && right - before < behind - right)
		return BENCH_ERROR_DUPLICATE;
	return comes_behind(window, behind, data, size) ? BENCH_ERROR_MOVED : BENCH_ERROR_MISSING;
}

/* It is of the table, and behind the head of a message, where one came. */
static bool
is_of_another_run(const struct difference *difference, const unsigned char *data, size_t size)
{
	unsigned char head[PAYLOAD_HEAD];
	const size_t left = message_of(difference, difference->message).size - difference->at;
	const size_t begun = take_head(difference, data, size, head);
	const size_t part = least(least(size, left) - begun, ENOUGH);

	return part >= LEAST && payload_knows(difference->payload, data + begun, part);
}

/* Behind what came it goes on as it should: there are more bytes than there should be. */
static bool
goes_on_behind(const struct window *window, const unsigned char *data, size_t size)
{
	return window->forth == 0 || (window->forth >= LEAST && memmem(data, size,
	    window->bytes + window->back, least(window->forth, ENOUGH)) != NULL);
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
	if (is_of_another_run(difference, data, size))
		return BENCH_ERROR_OTHER_RUN;
	return goes_on_behind(window, data, size) ? BENCH_ERROR_FOREIGN : BENCH_ERROR_WRONG;
}

/* As many bytes as there should be are others: some of them, or in another order. */
static enum bench_error
judge_inside(const struct difference *difference, const struct window *window,
    const unsigned char *data, size_t end)
{
	const unsigned char *right = window->bytes + window->back;

	if (end >= LEAST && memmem(right, end, data, least(end / 2, ENOUGH)) != NULL)
		return BENCH_ERROR_MOVED;
	return judge_stranger(difference, window, data, end);
}

static enum bench_error
judge(const struct difference *difference, const struct window *window,
    const unsigned char *data, size_t size, uint64_t *message)
{
	const size_t end = find_end(window, data, size);
	enum bench_error kind;

	if (window->forth > 0 && end <= WRONG_MOST)
		return BENCH_ERROR_WRONG;
	kind = judge_head(difference, data, size, message);
	if (kind == BENCH_ERRORS && end != SIZE_MAX && window->forth > 0)
		return judge_inside(difference, window, data, end);
	if (kind == BENCH_ERRORS)
		kind = judge_place(window, data, size);
	if (kind == BENCH_ERRORS && size == window->forth)
		return judge_inside(difference, window, data, size);
	return kind != BENCH_ERRORS ? kind : judge_stranger(difference, window, data, size);
}

enum bench_error
difference_judge(const struct difference *difference, const unsigned char *data, size_t size,
    uint64_t *message)
{
	enum bench_error kind;
	struct window window;

	*message = difference->message;
	if (!open_window(difference, &window))
		return BENCH_ERROR_WRONG;
	kind = judge(difference, &window, data, size, message);
	free(window.bytes);
	return kind;
}

bool
difference_expected(const struct difference *difference, unsigned char *byte)
{
	return write_stream(difference, difference->message, difference->at, byte, 1) == 1;
}
