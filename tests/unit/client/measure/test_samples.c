/* What round-trip times amount to, and the messages that they are taken of. */
#include <math.h>
#include <string.h>

#include "client/measure/message.h"
#include "client/measure/samples.h"
#include "runner.h"

#define ck_assert_near(a, b) ck_assert(fabs((a) - (b)) < 1e-9)

START_TEST(none)
{
	const struct samples samples = { 0, 0, NULL };
	const struct summary s = samples_summarise(&samples);

	ck_assert_near(samples_percentile(&samples, 99), 0);
	ck_assert_near(s.max + s.min + s.avg + s.mdev + s.p50 + s.p99, 0);
}
END_TEST

START_TEST(one)
{
	struct samples samples = { 0, 0, NULL };
	struct summary s;

	ck_assert(samples_add(&samples, 0.25));
	s = samples_summarise(&samples);
	ck_assert_near(s.min, 0.25);
	ck_assert_near(s.p50, 0.25);
	ck_assert_near(s.p99, 0.25);
	ck_assert_near(s.mdev, 0);
	samples_free(&samples);
}
END_TEST

/* 1 to 1,000 in a scrambled order: 7 has no common factor with 1,000. */
START_TEST(thousand)
{
	struct samples samples = { 0, 0, NULL };
	struct summary s;

	for (int i = 0; i < 1000; i++)
		ck_assert(samples_add(&samples, i * 7 % 1000 + 1));
	s = samples_summarise(&samples);
	ck_assert_near(s.min, 1);
	ck_assert_near(s.max, 1000);
	ck_assert_near(s.avg, 500.5);
	ck_assert_near(s.p50, 500);
	ck_assert_near(s.p99, 990);
	ck_assert_near(s.mdev, sqrt((1000.0 * 1000 - 1) / 12));
	ck_assert(samples_add(&samples, 0.5)); /* what comes later counts as well */
	ck_assert_near(samples_percentile(&samples, 0.01), 0.5);
	ck_assert_near(samples_percentile(&samples, 100), 1000);
	samples_free(&samples);
}
END_TEST

START_TEST(messages_differ_and_are_known_again)
{
	unsigned char a[100], b[100], again[100];
	uint64_t seq;

	message_write(7, 1, a, sizeof(a));
	message_write(7, 2, b, sizeof(b));
	message_write(7, 1, again, sizeof(again));
	ck_assert_mem_eq(a, again, sizeof(a));
	ck_assert_uint_eq(message_difference(a, again, sizeof(a)), sizeof(a));
	ck_assert_mem_ne(a + MESSAGE_LEAST, b + MESSAGE_LEAST, sizeof(a) - MESSAGE_LEAST);
	ck_assert(message_read(7, b, sizeof(b), &seq));
	ck_assert_uint_eq(seq, 2);
	ck_assert(!message_read(8, b, sizeof(b), &seq));
	ck_assert(!message_read(7, b, MESSAGE_LEAST - 1, &seq));
	again[99] ^= 1;
	ck_assert_uint_eq(message_difference(a, again, sizeof(a)), 99);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("samples");
	TCase *tests = tcase_create("samples");

	tcase_add_test(tests, none);
	tcase_add_test(tests, one);
	tcase_add_test(tests, thousand);
	tcase_add_test(tests, messages_differ_and_are_known_again);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
