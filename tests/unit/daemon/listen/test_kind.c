/* The kinds of listeners: each protocol has a whole row, and sockets that suit it. */
#include "daemon/listen/kind.h"
#include "runner.h"

START_TEST(rows_are_whole)
{
	const struct listener_kind *kind = kind_of((enum protocol)_i);

	ck_assert_ptr_nonnull(kind->sockets);
	ck_assert(kind->sockets->prepare != NULL);
	ck_assert(kind->sockets->adopt != NULL);
	ck_assert(kind->bind != NULL);
	ck_assert(kind->make != NULL);
	ck_assert(kind->free != NULL);
	ck_assert(kind->serve != NULL);
	ck_assert(kind->close != NULL);
}
END_TEST

/* Who accepts needs room and asks admission; who does not judges each datagram by itself. */
START_TEST(rows_suit_their_protocol)
{
	const struct listener_kind *kind = kind_of((enum protocol)_i);
	const bool is_stream = protocol_is_stream((enum protocol)_i);

	ck_assert_int_eq(kind->sockets->accepts, is_stream);
	ck_assert_int_eq(kind->sockets->each_worker, !is_stream);
	ck_assert_int_eq(kind->resume != NULL, is_stream);
	ck_assert_int_eq(kind->take_acl != NULL, !is_stream);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("kind");
	TCase *tests = tcase_create("kind");

	tcase_add_loop_test(tests, rows_are_whole, 0, PROTOCOL_COUNT);
	tcase_add_loop_test(tests, rows_suit_their_protocol, 0, PROTOCOL_COUNT);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
