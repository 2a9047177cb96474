/* What messages consist of: that they are what they say, and like no other. */
#include <string.h>

#include "client/bench/load/payload.h"
#include "runner.h"

#define LARGEST 200000

static struct payload payload, other_run;
static unsigned char data[LARGEST], more[LARGEST];

static void
set_up(void)
{
	payload_init(&payload, UINT64_C(0x0123456789abcdef));
	payload_init(&other_run, UINT64_C(0xfedcba9876543210));
}

static const size_t sizes[] = { 1, 2, 15, 16, 17, 64, 1400, 16384, 65520, 65521, 65537, LARGEST };

/* Written whole or in pieces of any size it is the same, and compares as the same. */
START_TEST(pieces)
{
	const struct message message = { 7, 11, sizes[_i] };

	payload_write(&payload, &message, 0, data, message.size);
	for (size_t at = 0, part; at < message.size; at += part) {
		part = 1 + at % 997 < message.size - at ? 1 + at % 997 : message.size - at;
		payload_write(&payload, &message, at, more + at, part);
		ck_assert_uint_eq(payload_compare(&payload, &message, at, data + at, part), part);
	}
	ck_assert_mem_eq(data, more, message.size);
}
END_TEST

/* Each byte is looked at: the first that is wrong is told, wherever comparing begins. */
START_TEST(each_byte)
{
	const struct message message = { 3, 5, sizes[_i] };
	const size_t step = message.size > 5000 ? 773 : 1;

	payload_write(&payload, &message, 0, data, message.size);
	for (size_t at = 0; at < message.size; at += step) {
		const size_t from = at > 20 ? at - 20 : 0;

		data[at] ^= 0x40;
		ck_assert_uint_eq(payload_compare(&payload, &message, from, data + from,
		    message.size - from), at - from);
		data[at] ^= 0x40;
	}
}
END_TEST

START_TEST(a_head_says_whose_it_is)
{
	uint64_t connection, number;
	unsigned char head[PAYLOAD_HEAD];

	for (uint64_t i = 0; i < 20000; i += 7) {
		const struct message message = { i, i * i, 64 };

		payload_write_head(&payload, &message, head);
		payload_read_head(&payload, head, &connection, &number);
		ck_assert_uint_eq(connection, i);
		ck_assert_uint_eq(number, i * i);
		payload_read_head(&other_run, head, &connection, &number);
		ck_assert_uint_gt(connection, UINT64_C(1) << 32);
	}
}
END_TEST

/* Neither of another connection, nor a neighbour, nor of another run; with and without a head. */
START_TEST(no_two_are_alike)
{
	const struct message message = { 4, 100, (size_t)_i };
	const struct message others[] = { { 5, 100, (size_t)_i }, { 4, 101, (size_t)_i },
		{ 4, 99, (size_t)_i }, { 0, 0, (size_t)_i } };

	payload_write(&payload, &message, 0, data, message.size);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ck_assert_uint_lt(payload_compare(&payload, &others[i], 0, data, message.size),
		    message.size);
	ck_assert_uint_lt(payload_compare(&other_run, &message, 0, data, message.size), message.size);
}
END_TEST

/* A piece is found where it stands in its message, and as one that the table has. */
START_TEST(pieces_are_found)
{
	const struct message message = { 9, 2, 16384 }, other = { 10, 2, 64 };

	payload_write(&payload, &message, 0, data, message.size);
	for (size_t at = PAYLOAD_HEAD; at + 32 <= message.size; at += 501)
		ck_assert_uint_eq(payload_find(&payload, &message, data + at, 32), at);
	ck_assert_uint_eq(payload_find(&payload, &other, data + 5000, 32), other.size);
	ck_assert(payload_knows(&payload, data + 5000, 32));
	memset(data, 'x', 32);
	ck_assert_uint_eq(payload_find(&payload, &message, data, 32), message.size);
	ck_assert(!payload_knows(&payload, data, 32));
	memcpy(data, payload.table + PAYLOAD_TABLE - 20, 20);
	memcpy(data + 20, payload.table, 12);
	ck_assert(payload_knows(&payload, data, 32));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("payload");
	TCase *tests = tcase_create("payload");

	tcase_add_unchecked_fixture(tests, set_up, NULL);
	tcase_add_loop_test(tests, pieces, 0, sizeof(sizes) / sizeof(sizes[0]));
	tcase_add_loop_test(tests, each_byte, 0, sizeof(sizes) / sizeof(sizes[0]));
	tcase_add_test(tests, a_head_says_whose_it_is);
	tcase_add_loop_test(tests, no_two_are_alike, 4, 66);
	tcase_add_test(tests, pieces_are_found);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
