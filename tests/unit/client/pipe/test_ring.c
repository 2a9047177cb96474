/* The ring of pipe, above all where it begins anew. */
#include <string.h>

#include "client/pipe/ring.h"
#include "runner.h"

static struct ring ring;
static const uint64_t turns[] = { 0, RING_SIZE, UINT64_C(1000) * RING_SIZE };

/* Writes `text` from byte `position` on, as pipe does: piece by piece. */
static void
fill(uint64_t position, const char *text)
{
	for (size_t size = strlen(text), piece; size > 0; size -= piece) {
		piece = ring_piece(position, size);
		memcpy(ring_at(&ring, position), text, piece);
		position += piece;
		text += piece;
	}
}

static size_t
same(uint64_t position, const char *text)
{
	return ring_same(&ring, position, (const unsigned char *)text, strlen(text));
}

START_TEST(a_piece_ends_with_the_ring)
{
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(ring_piece(turns[i], 10), 10);
		ck_assert_uint_eq(ring_piece(turns[i], UINT64_MAX), RING_SIZE);
		ck_assert_uint_eq(ring_piece(turns[i] + RING_SIZE - 3, 10), 3);
		ck_assert_uint_eq(ring_piece(turns[i] + RING_SIZE - 3, 2), 2);
	}
}
END_TEST

START_TEST(what_was_read_is_found_again)
{
	for (size_t i = 0; i < 3; i++)
		for (unsigned back = 0; back <= 6; back++) {
			const uint64_t position = turns[i] + RING_SIZE - back;

			fill(position, "abcdef");
			ck_assert_uint_eq(same(position, "abcdef"), 6);
			ck_assert_uint_eq(same(position + 1, "bcd"), 3);
			ck_assert_uint_eq(same(position, ""), 0);
			ck_assert_uint_eq(*ring_at(&ring, position + 5), 'f');
		}
}
END_TEST

START_TEST(the_first_difference_is_found_on_either_side)
{
	for (unsigned back = 0; back <= 6; back++) {
		const uint64_t position = turns[1] - back;

		fill(position, "abcdef");
		ck_assert_uint_eq(same(position, "Xbcdef"), 0);
		ck_assert_uint_eq(same(position, "abXdeX"), 2);
		ck_assert_uint_eq(same(position, "abcdeX"), 5);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ring");
	TCase *cases = tcase_create("ring");

	tcase_add_test(cases, a_piece_ends_with_the_ring);
	tcase_add_test(cases, what_was_read_is_found_again);
	tcase_add_test(cases, the_first_difference_is_found_on_either_side);
	suite_add_tcase(suite, cases);
	return run_suite(suite);
}
