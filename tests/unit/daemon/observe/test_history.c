/* A history goes on that another process began. */
#include "daemon/observe/history.h"

#include <event2/event.h>

#include "base/clock.h"
#include "daemon/threads/loop.h"
#include "runner.h"

static const struct loop_settings settings = { .method = EVENT_METHOD_AUTO };

static struct event_base *base;
static struct census *census;
static struct history *history;

static void
set_up(void)
{
	base = loop_base_new(&settings);
	census = census_new(1);
	history = history_new(base, census);
	ck_assert_ptr_nonnull(history);
	ck_assert_uint_eq(history_count(history), 1);
}

static void
tear_down(void)
{
	history_free(history);
	census_free(census);
	event_base_free(base);
}

static void
add(int64_t at, uint64_t accepted)
{
	const uint64_t numbers[HISTORY_ROW_COUNT] = { [HISTORY_ACCEPTED] = accepted };

	history_add(history, at, numbers);
}

/* What there was at the start is no moment of it: from nothing to all there would be a rate. */
START_TEST(it_goes_on)
{
	const int64_t now = clock_ms();

	history_clear(history);
	ck_assert_uint_eq(history_count(history), 0);
	for (unsigned i = 0; i < HISTORY_SAMPLES + 3; i++)
		add(now + i, i);
	history_resume(history);
	ck_assert_uint_eq(history_count(history), HISTORY_SAMPLES);
	ck_assert_uint_eq(history_get(history, 0)->numbers[HISTORY_ACCEPTED], HISTORY_SAMPLES + 2);
	ck_assert_uint_eq(history_get(history, HISTORY_SAMPLES - 1)->numbers[HISTORY_ACCEPTED], 3);
}
END_TEST

/* The next moment is 5 seconds after the last one, whoever it was of. */
START_TEST(the_next_moment_is_due)
{
	history_clear(history);
	add(clock_ms() - HISTORY_EVERY + 50, 7);
	history_resume(history);
	while (history_count(history) < 2)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	ck_assert_int_ge(history_get(history, 0)->at, history_get(history, 1)->at + HISTORY_EVERY - 10);
	ck_assert_uint_eq(history_get(history, 1)->numbers[HISTORY_ACCEPTED], 7);
}
END_TEST

START_TEST(of_nothing_it_begins_anew)
{
	history_clear(history);
	history_resume(history);
	ck_assert_uint_eq(history_count(history), 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("history");
	TCase *tests = tcase_create("history");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, it_goes_on);
	tcase_add_test(tests, the_next_moment_is_due);
	tcase_add_test(tests, of_nothing_it_begins_anew);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
