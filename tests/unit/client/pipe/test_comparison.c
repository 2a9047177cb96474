/* What comes back to pipe, right and wrong, of a stream and of datagrams. */
#include <string.h>

#include "client/pipe/comparison.h"
#include "runner.h"

static struct ring ring;
static struct pipe_tally tally;
static struct comparison comparison;

/*
 * "abcdef" was sent, and "g" was read; `received` of it have come back, the last datagram with
 * `before` of them.
 */
static void
prepare(bool stream, uint64_t received, size_t before)
{
	memcpy(ring_at(&ring, 0), "abcdefg", 7);
	tally = (struct pipe_tally){ .read = 7, .sent = 6, .received = received, .datagrams = 2 };
	comparison = (struct comparison){ &ring, &tally, stream, before };
}

/* Asserts how many bytes of `text` are right, and what is wrong with the others. */
static void
check(const char *text, size_t right, enum ending end)
{
	enum ending found;

	ck_assert_uint_eq(comparison_of(&comparison, (const unsigned char *)text, strlen(text),
	    &found), right);
	ck_assert_int_eq(found, end);
}

START_TEST(of_a_stream_any_piece_is_right)
{
	prepare(true, 2, 0);
	check("", 0, ENDING_DONE);
	check("c", 1, ENDING_DONE);
	check("cdef", 4, ENDING_DONE);
}
END_TEST

START_TEST(of_a_stream_the_right_bytes_before_a_wrong_one_count)
{
	prepare(true, 2, 2);
	check("cdxf", 2, ENDING_DIFFERENCE);
	ck_assert_uint_eq(tally.offset, 4);
	ck_assert_uint_eq(tally.seen, 'x');
	ck_assert_uint_eq(tally.expected, 'e');
	check("cdefg", 4, ENDING_SURPLUS);
	ck_assert_uint_eq(tally.offset, 6);
	check("ab", 0, ENDING_DIFFERENCE);
}
END_TEST

START_TEST(of_a_datagram_that_is_wrong_nothing_is_right)
{
	prepare(false, 2, 2);
	check("cdef", 4, ENDING_DONE);
	check("cdxf", 0, ENDING_DIFFERENCE);
	check("cdefg", 0, ENDING_SURPLUS);
	check("cde", 0, ENDING_TRUNCATED);
	ck_assert_uint_eq(tally.reply, 3);
	ck_assert_uint_eq(tally.asked, 4);
	check("", 0, ENDING_TRUNCATED);
}
END_TEST

START_TEST(the_datagram_before_is_a_duplicate)
{
	prepare(false, 2, 2);
	check("ab", 0, ENDING_DUPLICATE);
	ck_assert_uint_eq(tally.datagram, 1);
	prepare(false, 6, 4);
	check("cdef", 0, ENDING_DUPLICATE);
	ck_assert_uint_eq(tally.datagram, 2);
}
END_TEST

START_TEST(a_copy_is_taken_once_for_each_that_was_sent)
{
	const unsigned char *copy = (const unsigned char *)"ab";
	struct datagrams datagrams = { .copy_at = 0, .copy_size = 2, .copies = 1 };

	prepare(false, 2, 2);
	ck_assert(!comparison_takes_copy(&comparison, &datagrams, copy, 1));
	ck_assert(comparison_takes_copy(&comparison, &datagrams, copy, 2));
	ck_assert(!comparison_takes_copy(&comparison, &datagrams, copy, 2));
}
END_TEST

START_TEST(a_copy_that_is_the_one_that_waits_too_is_its_answer)
{
	struct datagrams datagrams = { .copy_at = 0, .copy_size = 3, .copies = 1 };

	prepare(false, 3, 3);
	memcpy(ring_at(&ring, 0), "abcabc", 6);
	ck_assert(!comparison_takes_copy(&comparison, &datagrams,
	    (const unsigned char *)"abc", 3));
	ck_assert_uint_eq(datagrams.copies, 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("comparison");
	TCase *cases = tcase_create("comparison");

	tcase_add_test(cases, of_a_stream_any_piece_is_right);
	tcase_add_test(cases, of_a_stream_the_right_bytes_before_a_wrong_one_count);
	tcase_add_test(cases, of_a_datagram_that_is_wrong_nothing_is_right);
	tcase_add_test(cases, the_datagram_before_is_a_duplicate);
	tcase_add_test(cases, a_copy_is_taken_once_for_each_that_was_sent);
	tcase_add_test(cases, a_copy_that_is_the_one_that_waits_too_is_its_answer);
	suite_add_tcase(suite, cases);
	return run_suite(suite);
}
