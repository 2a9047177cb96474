/*
 * What is wrong with a stream is named for what it is: each fault is made in a stream of eight
 * messages that are on their way, at their ends and within them, of small messages and large.
 */
#include <stdlib.h>
#include <string.h>

#include "client/bench/load/difference.h"
#include "runner.h"

#define MESSAGES 8
#define SIZE_MOST 16384

static struct payload payload, other_run;
static struct mix sizes;
static unsigned char *stream, *came;
static size_t size, length; /* of a message, and of the stream */

static void
set_up(void)
{
	payload_init(&payload, UINT64_C(0x0123456789abcdef));
	payload_init(&other_run, UINT64_C(0xfedcba9876543210));
	stream = malloc(2 * MESSAGES * SIZE_MOST);
	came = malloc(2 * MESSAGES * SIZE_MOST);
}

static void
tear_down(void)
{
	free(stream);
	free(came);
}

static const struct {
	const char *text;
	size_t size;
} kinds[] = { { "64", 64 }, { "16K", SIZE_MOST }, { "100", 100 }, { "17", 17 } };

#define KINDS ((int)(sizeof(kinds) / sizeof(kinds[0])))

/* The stream of connection 3, which is what comes back before it is spoilt. */
static void
begin(int kind)
{
	size = kinds[kind].size;
	length = MESSAGES * size;
	mix_parse(&sizes, kinds[kind].text);
	for (uint64_t i = 0; i < MESSAGES; i++) {
		const struct message message = { 3, i, size };

		payload_write(&payload, &message, 0, stream + i * size, size);
	}
	memcpy(came, stream, length);
}

static const unsigned char *mixed_in; /* what flies on another connection; NULL: nothing */

static bool
is_of_another(const void *arg, const unsigned char *data, size_t part)
{
	(void)arg;
	return mixed_in != NULL && memmem(mixed_in, size, data, part) != NULL;
}

/* What it is told as; `came_size` bytes came.  *at is where it begins. */
static enum bench_error
judge(size_t came_size, size_t *at, uint64_t *message)
{
	struct difference difference = { .payload = &payload, .sizes = &sizes, .connection = 3,
		.connections = 10, .begun = MESSAGES, .out = size, .is_of_another = is_of_another };
	const size_t both = came_size < length ? came_size : length;

	for (*at = 0; *at < both && came[*at] == stream[*at]; ++*at)
		;
	ck_assert_uint_lt(*at, came_size);
	difference.message = *at / size;
	difference.at = *at % size;
	return difference_judge(&difference, came + *at, came_size - *at, message);
}

#define ck_assert_judged(came_size, kind, of_message)           \
	do {                                                    \
		uint64_t told;                                  \
		size_t where;                                   \
		ck_assert_int_eq(judge(came_size, &where, &told), kind); \
		ck_assert_uint_eq(told, of_message);            \
	} while (0)

START_TEST(a_wrong_byte)
{
	begin(_i);
	for (size_t at = 0; at < length; at += size / 16) {
		came[at] ^= 0x01;
		ck_assert_judged(length, BENCH_ERROR_WRONG, at / size);
		came[at] ^= 0x01;
	}
	came[length - 1] ^= 0xff;
	ck_assert_judged(length, BENCH_ERROR_WRONG, MESSAGES - 1);
}
END_TEST

static void
drop(size_t at, size_t gone)
{
	memmove(came + at, came + at + gone, length - at - gone);
}

START_TEST(missing_bytes)
{
	begin(_i);
	for (size_t gone = 1; gone <= size; gone += size / 7)
		for (size_t at = size; at < 4 * size; at += size / 2) {
			memcpy(came, stream, length);
			drop(at, gone);
			ck_assert_judged(length - gone, BENCH_ERROR_MISSING, at / size);
		}
}
END_TEST

START_TEST(a_missing_message)
{
	begin(_i);
	drop(2 * size, size);
	ck_assert_judged(length - size, BENCH_ERROR_MISSING, 2);
}
END_TEST

START_TEST(duplicate_bytes)
{
	size_t at;
	uint64_t message;

	begin(_i);
	memmove(came + 3 * size, came + 2 * size, 6 * size);
	ck_assert_judged(length + size, BENCH_ERROR_DUPLICATE, 2);
	memcpy(came, stream, length);
	memmove(came + 2 * size + size / 2, came + 2 * size + size / 4,
	    length - 2 * size - size / 2);
	ck_assert_int_eq(judge(length, &at, &message), BENCH_ERROR_DUPLICATE);
}
END_TEST

START_TEST(a_last_message_once_more)
{
	begin(_i);
	memcpy(came + length, stream + length - size, size);
	ck_assert_judged(length + size, BENCH_ERROR_DUPLICATE, MESSAGES - 1);
}
END_TEST

START_TEST(two_messages_in_another_order)
{
	begin(_i);
	memcpy(came + 2 * size, stream + 3 * size, size);
	memcpy(came + 3 * size, stream + 2 * size, size);
	ck_assert_judged(length, BENCH_ERROR_REORDERED, 2);
}
END_TEST

/* A part changes places with the one behind it. */
START_TEST(moved_bytes)
{
	size_t part, where;
	unsigned char *at;
	uint64_t message;

	begin(_i);
	part = size / 4;
	at = came + 2 * size + size / 2;
	memcpy(at, stream + 2 * size + size / 2 + part, part);
	memcpy(at + part, stream + 2 * size + size / 2, part);
	ck_assert_int_eq(judge(length, &where, &message), BENCH_ERROR_MOVED);
	ck_assert_uint_eq(message, 2);
}
END_TEST

START_TEST(a_message_of_another_connection)
{
	const struct message other = { 5, 2, kinds[_i].size };

	begin(_i);
	payload_write(&payload, &other, 0, came + 2 * size, size);
	ck_assert_judged(length, BENCH_ERROR_SWAPPED, 2);
}
END_TEST

/* Without its head, which says whose it is. */
START_TEST(a_piece_of_another_connection)
{
	const struct message other = { 5, 2, kinds[_i].size };
	unsigned char *piece = malloc(SIZE_MOST);

	begin(_i);
	if (size >= 64) {
		payload_write(&payload, &other, 0, piece, size);
		mixed_in = piece;
		memcpy(came + 2 * size + size / 2, piece + size / 2, size / 2);
		ck_assert_judged(length, BENCH_ERROR_SWAPPED, 2);
		mixed_in = NULL;
		ck_assert_judged(length, BENCH_ERROR_OTHER_RUN, 2);
	}
	free(piece);
}
END_TEST

START_TEST(a_message_of_another_run)
{
	const struct message other = { 3, 2, kinds[_i].size };

	begin(_i);
	if (size >= 64) {
		payload_write(&other_run, &other, 0, came + 2 * size, size);
		ck_assert_judged(length, BENCH_ERROR_OTHER_RUN, 2);
	}
}
END_TEST

START_TEST(what_was_never_sent)
{
	begin(_i);
	memset(came + length, 'x', size);
	ck_assert_judged(length + size, BENCH_ERROR_FOREIGN, MESSAGES);
	memset(came + 2 * size, 'x', size);
	ck_assert_judged(length, BENCH_ERROR_WRONG, 2);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("difference");
	TCase *tests = tcase_create("difference");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_loop_test(tests, a_wrong_byte, 0, KINDS);
	tcase_add_loop_test(tests, missing_bytes, 0, KINDS);
	tcase_add_loop_test(tests, a_missing_message, 0, KINDS);
	tcase_add_loop_test(tests, duplicate_bytes, 0, KINDS);
	tcase_add_loop_test(tests, a_last_message_once_more, 0, KINDS);
	tcase_add_loop_test(tests, two_messages_in_another_order, 0, KINDS);
	tcase_add_loop_test(tests, moved_bytes, 0, KINDS);
	tcase_add_loop_test(tests, a_message_of_another_connection, 0, KINDS);
	tcase_add_loop_test(tests, a_piece_of_another_connection, 0, KINDS);
	tcase_add_loop_test(tests, a_message_of_another_run, 0, KINDS);
	tcase_add_loop_test(tests, what_was_never_sent, 0, KINDS);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
