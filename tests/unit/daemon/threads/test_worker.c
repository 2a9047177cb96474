/* A worker measures a turn of its loop at each beat: all that was ready is in it. */
#include "daemon/threads/worker.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <time.h>

#include "base/clock.h"
#include "daemon/account/counters.h"
#include "runner.h"

/* What a thing takes that is ready: ms. */
#define WORK 30

/* How long until the first beat, on a machine that has much else to do: ms. */
#define PATIENCE 30000

static const struct loop_settings settings = { .method = EVENT_METHOD_AUTO };

static struct event_base *base;
static struct inbox *home;
static struct worker *worker;
static struct event ordinary, bulk;
static int works;

static void
work(void)
{
	const int64_t end = clock_us() + WORK * 1000;

	while (clock_us() < end)
		;
	works++;
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	work();
}

static int64_t
beat(struct caretaker *caretaker, int64_t now, int64_t most)
{
	(void)caretaker;
	(void)now;
	if (works == 0) {
		event_active(&bulk, EV_READ, 0);
		event_active(&ordinary, EV_READ, 0);
		work();
	}
	return most;
}

static void
do_nothing(struct caretaker *caretaker, enum drain_step step)
{
	(void)caretaker;
	(void)step;
}

static struct caretaker caretaker = { .beat = beat, .drain = do_nothing };

static uint64_t
turns(void)
{
	uint64_t count = 0;

	for (size_t i = 0; i <= turn_scale.count; i++)
		count += worker_turns(worker, i);
	return count;
}

static void
set_up(void)
{
	base = loop_base_new(&settings);
	home = inbox_new(base, NULL);
	worker = worker_new(&settings, home);
	ck_assert_ptr_nonnull(worker);
	loop_add_caretaker(worker_loop(worker), &caretaker);
	event_assign(&ordinary, worker_loop(worker)->base, -1, 0, on_ready, NULL);
	event_assign(&bulk, worker_loop(worker)->base, -1, 0, on_ready, NULL);
	loop_set_bulk(worker_loop(worker), &bulk, true);
}

static void
tear_down(void)
{
	worker_free(worker);
	inbox_free(home);
	event_base_free(base);
}

START_TEST(a_turn_is_over_when_all_is_served)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	uint64_t us;

	ck_assert(!worker_cpu(worker, &us));
	ck_assert_int_eq(worker_start(worker, "worker"), 0);
	for (int ms = 0; turns() == 0; ms++) {
		ck_assert_int_lt(ms, PATIENCE);
		nanosleep(&moment, NULL);
	}
	ck_assert(worker_cpu(worker, &us));
	worker_drain(worker, ABORT_ALL);
	worker_join(worker);
	ck_assert_int_eq(works, 3);
	ck_assert_uint_ge(worker_turns(worker, scale_sum(&turn_scale)), 3 * WORK * 1000);
	ck_assert_uint_gt(us, 0);
	/* What took so long is in no bucket for less. */
	ck_assert_uint_eq(worker_turns(worker, scale_find(&turn_scale, 1000)), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("worker");
	TCase *tests = tcase_create("worker");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, a_turn_is_over_when_all_is_served);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
