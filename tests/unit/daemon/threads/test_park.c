/* All workers halt, whatever they are about, and go on as if nothing had been. */
#include "daemon/threads/park.h"

#include <event2/event.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "runner.h"

#define WORKERS 3

/* How long for what must happen, on a machine that has much else to do: ms. */
#define PATIENCE 30000

/* How long nothing is to happen: ms. */
#define QUIET 50

static const struct loop_settings settings = { .method = EVENT_METHOD_AUTO };

static struct event_base *base;
static struct inbox *home;
static struct workers *workers;
static struct park *park;
static int parked;
static atomic_int delivered;
static atomic_bool is_held, holds;
static struct letter letters[WORKERS];

static void
pause_for(int ms)
{
	const struct timespec time = { .tv_nsec = ms * 1000000L };

	nanosleep(&time, NULL);
}

static void
on_parked(void *owner)
{
	ck_assert_ptr_eq(owner, &parked);
	parked++;
}

static void
on_letter(void *loop, struct letter *letter)
{
	(void)loop;
	(void)letter;
	atomic_fetch_add(&delivered, 1);
}

/* Keeps a worker from all else. */
static void
on_hold(void *loop, struct letter *letter)
{
	(void)loop;
	(void)letter;
	atomic_store(&holds, true);
	while (atomic_load(&is_held))
		pause_for(1);
}

static void
post_to_all(void)
{
	for (size_t i = 0; i < WORKERS; i++)
		worker_post(workers_get(workers, i), &letters[i], on_letter);
}

static void
serve_until_parked(int times)
{
	for (int ms = 0; parked < times; ms++) {
		ck_assert_int_lt(ms, PATIENCE);
		event_base_loop(base, EVLOOP_NONBLOCK);
		pause_for(1);
	}
}

static void
serve_quietly(void)
{
	for (int ms = 0; ms < QUIET; ms++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		pause_for(1);
	}
}

static void
wait_until_delivered(int count)
{
	for (int ms = 0; atomic_load(&delivered) < count; ms++) {
		ck_assert_int_lt(ms, PATIENCE);
		pause_for(1);
	}
	ck_assert_int_eq(atomic_load(&delivered), count);
}

static void
set_up(void)
{
	base = loop_base_new(&settings);
	home = inbox_new(base, NULL);
	workers = workers_new(WORKERS, &settings, home);
	park = park_new(workers, on_parked, &parked);
	ck_assert_ptr_nonnull(park);
	parked = 0;
	atomic_store(&delivered, 0);
	atomic_store(&is_held, false);
	atomic_store(&holds, false);
	ck_assert_int_eq(workers_start(workers), 0);
}

static void
tear_down(void)
{
	park_end(park);
	workers_stop_and_join(workers);
	inbox_free(home);
	park_free(park);
	workers_free(workers);
	event_base_free(base);
}

START_TEST(nothing_moves_until_the_end)
{
	for (int turn = 1; turn <= 20; turn++) {
		post_to_all();
		wait_until_delivered(WORKERS * turn);
		park_begin(park);
		serve_until_parked(turn);
		post_to_all();
		pause_for(1);
		ck_assert_int_eq(atomic_load(&delivered), WORKERS * turn);
		park_end(park);
		wait_until_delivered(WORKERS * (turn + 1));
		atomic_store(&delivered, WORKERS * turn);
	}
}
END_TEST

/* What had been asked for before it could halt is over by then. */
START_TEST(one_that_hangs_is_not_waited_for)
{
	static struct letter hold;

	atomic_store(&is_held, true);
	worker_post(workers_get(workers, 1), &hold, on_hold);
	park_begin(park);
	serve_quietly();
	ck_assert_int_eq(parked, 0);
	park_end(park);
	post_to_all();
	wait_until_delivered(WORKERS - 1);
	park_begin(park);
	park_end(park);
	park_begin(park);
	serve_quietly();
	ck_assert_int_eq(parked, 0);
	atomic_store(&is_held, false);
	serve_until_parked(1);
	serve_quietly();
	ck_assert_int_eq(parked, 1);
	ck_assert_int_eq(atomic_load(&delivered), WORKERS - 1);
	park_end(park);
	wait_until_delivered(WORKERS);
}
END_TEST

/* A worker that has gone on, and whose letter is not home yet, has not halted. */
START_TEST(each_time_all_halt_anew)
{
	for (int turn = 0; turn < 200; turn++) {
		park_begin(park);
		if (turn % 3 == 0)
			pause_for(1);
		if (turn % 5 == 0)
			event_base_loop(base, EVLOOP_NONBLOCK);
		park_end(park);
	}
	parked = 0;
	park_begin(park);
	serve_until_parked(1);
	post_to_all();
	serve_quietly();
	ck_assert_int_eq(atomic_load(&delivered), 0);
	ck_assert_int_eq(parked, 1);
	park_end(park);
	wait_until_delivered(WORKERS);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("park");
	TCase *tests = tcase_create("park");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, nothing_moves_until_the_end);
	tcase_add_test(tests, one_that_hangs_is_not_waited_for);
	tcase_add_test(tests, each_time_all_halt_anew);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
