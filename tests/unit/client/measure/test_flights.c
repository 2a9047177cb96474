/* The messages on their way: which waits, which is too old to be known. */
#include "client/flights.h"
#include "runner.h"

START_TEST(oldest_waits)
{
	struct flights flights;

	ck_assert(flights_init(&flights));
	ck_assert_ptr_null(flights_oldest(&flights));
	for (int64_t i = 1; i <= 3; i++)
		flights_add(&flights, i * 10);
	ck_assert_uint_eq(flights.last, 3);
	ck_assert_int_eq(flights_oldest(&flights)->sent, 10);
	flights_find(&flights, 2)->state = FLIGHT_ANSWERED;
	ck_assert_int_eq(flights_oldest(&flights)->sent, 10);
	flights_find(&flights, 1)->state = FLIGHT_MISSING;
	ck_assert_int_eq(flights_oldest(&flights)->sent, 30);
	flights_find(&flights, 3)->state = FLIGHT_ANSWERED;
	ck_assert_ptr_null(flights_oldest(&flights));
	flights_free(&flights);
}
END_TEST

START_TEST(unknown)
{
	struct flights flights;

	ck_assert(flights_init(&flights));
	ck_assert_ptr_null(flights_find(&flights, 0));
	ck_assert_ptr_null(flights_find(&flights, 1));
	flights_add(&flights, 0);
	ck_assert_ptr_nonnull(flights_find(&flights, 1));
	ck_assert_ptr_null(flights_find(&flights, 1 + FLIGHTS_MAX));
	flights_free(&flights);
}
END_TEST

START_TEST(the_oldest_are_forgotten)
{
	struct flights flights;

	ck_assert(flights_init(&flights));
	for (int64_t i = 1; i <= FLIGHTS_MAX + 5; i++)
		flights_add(&flights, i);
	ck_assert_ptr_null(flights_find(&flights, 5));
	ck_assert_uint_eq(flights_find(&flights, 6)->seq, 6);
	ck_assert_uint_eq(flights_oldest(&flights)->seq, 6);
	flights_free(&flights);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("flights");
	TCase *tests = tcase_create("flights");

	tcase_add_test(tests, oldest_waits);
	tcase_add_test(tests, unknown);
	tcase_add_test(tests, the_oldest_are_forgotten);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
