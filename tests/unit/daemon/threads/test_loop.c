/*
 * A loop goes on after a wait that failed: the test's own poll(2) stands before libc's.  And whose
 * turn it is, where all are ready all the time, by a clock that goes on with their turns.
 */
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/threads/loop.h"
#include "runner.h"

static int failures; /* how many waits are still to fail */
static int failed;
static unsigned waits;

int
poll(struct pollfd *fds, nfds_t count, int timeout)
{
	if (failures > 0) {
		failures--;
		failed++;
		errno = ENOMEM;
		return -1;
	}
	waits++;
	return (int)syscall(SYS_poll, fds, count, timeout);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

START_TEST(a_wait_that_fails_is_tried_again)
{
	const struct loop_settings settings = { .method = EVENT_METHOD_POLL };
	const struct timeval soon = { 0, 1000 };
	struct event_base *base = loop_base_new(&settings);
	struct event *timer;

	ck_assert_ptr_nonnull(base);
	ck_assert_str_eq(event_base_get_method(base), "poll");
	timer = evtimer_new(base, on_timer, base);
	ck_assert_ptr_nonnull(timer);
	ck_assert_int_eq(event_add(timer, &soon), 0);
	failures = 2;
	loop_run(base);
	ck_assert_int_eq(failed, 2);
	ck_assert_int_eq(event_base_got_break(base), 1);
	event_free(timer);
	event_base_free(base);
}
END_TEST

/* --- whose turn it is ---------------------------------------------------------------------- */

#define BUSY 2000   /* who ask for little, again and again */
#define NEW 2000    /* who have not asked yet, and wait with those who send much */
#define MUCH 400    /* who send much */
#define ALL (BUSY + NEW + MUCH)
#define ASLEEP 1000 /* those who asked for little and do not at the moment */
#define TURNS_A_MS 100
#define LATEST 3000 /* ms */

/* Who waits has his turn once the others had theirs for LOOP_BULK_WAIT, and all have had one. */
#define LONGEST (2 * LOOP_BULK_WAIT + 2 * ALL / TURNS_A_MS)

static struct asker {
	struct event event;
	bool is_bulk, sends_much;
	int64_t last; /* turn: ms */
} askers[ALL], *asleep[ASLEEP];

static struct loop *loop;
static struct event urgent;
static int urgent_fd;
static uint64_t turns, urgent_since, urgent_at;
static int64_t longest; /* from one turn of an asker to the next: ms */

static void
on_urgent(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	urgent_at = turns;
}

/* Who has had a turn comes back when ASLEEP others have had one. */
static void
sleep_for_a_while(struct asker *asker)
{
	struct asker **place = &asleep[turns % ASLEEP];

	if (*place != NULL)
		event_add(&(*place)->event, NULL);
	event_del(&asker->event);
	*place = asker;
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct asker *asker = arg;
	const int64_t now = (int64_t)(++turns / TURNS_A_MS);

	(void)fd;
	(void)what;
	if (now - asker->last > longest)
		longest = now - asker->last;
	asker->last = now;
	asker->is_bulk = loop_prioritize(loop, &asker->event, asker->is_bulk, asker->sends_much, now);
	if (!asker->sends_much)
		sleep_for_a_while(asker);
	if (urgent_since == 0 && asker->is_bulk) {
		urgent_since = turns;
		eventfd_write(urgent_fd, 1);
	}
	if (now > LATEST)
		event_base_loopbreak(loop->base);
}

static void
add_askers(size_t from, size_t count, int fd, bool is_bulk, bool sends_much)
{
	for (size_t i = from; i < from + count; i++) {
		struct asker *asker = &askers[i];

		asker->is_bulk = is_bulk;
		asker->sends_much = sends_much;
		ck_assert_int_eq(event_assign(&asker->event, loop->base, fd, EV_READ | EV_PERSIST,
		    on_turn, asker), 0);
		if (is_bulk)
			loop_set_bulk(loop, &asker->event, true);
		ck_assert_int_eq(event_add(&asker->event, NULL), 0);
	}
}

/* Returns what is always ready. */
static int
begin(enum event_method method)
{
	const struct loop_settings settings = { .method = method };

	memset(askers, 0, sizeof(askers));
	memset(asleep, 0, sizeof(asleep));
	turns = urgent_since = urgent_at = waits = 0;
	longest = 0;
	loop = loop_new(&settings, NULL);
	ck_assert_ptr_nonnull(loop);
	urgent_fd = eventfd(0, EFD_NONBLOCK);
	event_assign(&urgent, loop->base, urgent_fd, EV_READ, on_urgent, NULL);
	event_add(&urgent, NULL);
	return eventfd(1, EFD_NONBLOCK);
}

static void
end(int fd)
{
	for (size_t i = 0; i < ALL; i++) {
		event_del(&askers[i].event);
		if (askers[i].is_bulk)
			loop_set_bulk(loop, &askers[i].event, false);
	}
	ck_assert_uint_eq(loop->bulk, 0);
	event_del(&urgent);
	loop_free(loop);
	close(urgent_fd);
	close(fd);
}

START_TEST(nobody_starves)
{
	const int fd = begin((enum event_method)_i);

	add_askers(0, BUSY, fd, false, false);
	add_askers(BUSY, NEW, fd, true, false);
	add_askers(BUSY + NEW, MUCH, fd, true, true);
	loop_run(loop->base);
	for (size_t i = 0; i < ALL; i++)
		ck_assert_int_gt(askers[i].last, LATEST - LONGEST);
	ck_assert_int_le(longest, LONGEST);
	/* Those who send little take no wait of their own, each of which looks at all of them. */
	ck_assert_uint_le(waits, LATEST);
	end(fd);
}
END_TEST

START_TEST(what_comes_is_served_between_those_who_send_much)
{
	const int fd = begin((enum event_method)_i);

	add_askers(0, ALL, fd, true, true);
	loop_run(loop->base);
	ck_assert_uint_gt(urgent_at, 0);
	ck_assert_uint_le(urgent_at - urgent_since, LOOP_BULK_MOST);
	end(fd);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("loop");
	TCase *tests = tcase_create("loop");

	tcase_add_test(tests, a_wait_that_fails_is_tried_again);
	tcase_add_loop_test(tests, nobody_starves, EVENT_METHOD_AUTO,
	    EVENT_METHOD_SELECT + 1);
	tcase_add_loop_test(tests, what_comes_is_served_between_those_who_send_much, EVENT_METHOD_AUTO,
	    EVENT_METHOD_SELECT + 1);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
