/* What replies came with, and that it changed. */
#include "client/measure/marks_seen.h"

#include "runner.h"

static struct marks_seen seen;

static enum marks_news
note(int tos, int ttl)
{
	return marks_seen_note(&seen, (struct marks){ tos, ttl }).news;
}

START_TEST(a_value_is_new_once)
{
	struct marks_told told;

	ck_assert_int_eq(note(0xb8, 63), MARKS_SAME);
	ck_assert_int_eq(note(0xb8, 63), MARKS_SAME);
	told = marks_seen_note(&seen, (struct marks){ 0, 63 });
	ck_assert_int_eq(told.news, MARKS_NEW);
	ck_assert(told.now.tos == 0 && told.before.tos == 0xb8 && told.before.ttl == 63);
	ck_assert_int_eq(note(0xb8, 63), MARKS_CHANGED);
	ck_assert_int_eq(note(0xb8, 64), MARKS_NEW);
	ck_assert_uint_eq(seen.changes, 3);
	ck_assert(marks_set_has(&seen.tos, 0) && marks_set_has(&seen.tos, 0xb8));
	ck_assert(!marks_set_has(&seen.tos, 1) && !marks_set_has(&seen.tos, 256 + 0xb8));
	ck_assert(marks_set_has(&seen.ttl, 63) && marks_set_has(&seen.ttl, 64));
}
END_TEST

START_TEST(what_is_not_known_is_no_value)
{
	ck_assert_int_eq(note(-1, -1), MARKS_SAME);
	for (unsigned value = 0; value < 256; value++)
		ck_assert(!marks_set_has(&seen.tos, value) && !marks_set_has(&seen.ttl, value));
	ck_assert_int_eq(note(0, 255), MARKS_NEW);
}
END_TEST

START_TEST(those_of_several_are_put_together)
{
	struct marks_seen all = { 0 };

	note(1, 255);
	note(2, 255);
	marks_seen_add(&all, &seen);
	seen = (struct marks_seen){ 0 };
	note(130, 64);
	marks_seen_add(&all, &seen);
	ck_assert(all.any && all.changes == 1);
	ck_assert(marks_set_has(&all.tos, 1) && marks_set_has(&all.tos, 2));
	ck_assert(marks_set_has(&all.tos, 130) && marks_set_has(&all.ttl, 255));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("marks_seen");
	TCase *tests = tcase_create("marks_seen");

	tcase_add_test(tests, a_value_is_new_once);
	tcase_add_test(tests, what_is_not_known_is_no_value);
	tcase_add_test(tests, those_of_several_are_put_together);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
