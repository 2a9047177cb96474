/* A loop goes on after a wait that failed.  The test's own poll(2) stands before libc's. */
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/threads/loop.h"
#include "runner.h"

static int failures; /* how many waits are still to fail */
static int failed;

int
poll(struct pollfd *fds, nfds_t count, int timeout)
{
	if (failures > 0) {
		failures--;
		failed++;
		errno = ENOMEM;
		return -1;
	}
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

int
main(void)
{
	Suite *suite = suite_create("loop");
	TCase *tests = tcase_create("loop");

	tcase_add_test(tests, a_wait_that_fails_is_tried_again);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
