/*
 * When bytes arrived, where the wall clock is set: the clocks and the kernel's stamps are this
 * test's own.
 */
#include "client/transport/arrival.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runner.h"

#define SECOND INT64_C(1000000000)

static bool faking;
static int64_t now;     /* CLOCK_MONOTONIC */
static int64_t wall;    /* by how much CLOCK_REALTIME is ahead of it */
static int64_t stamp;   /* of what is received next; 0: there is nothing */
static bool is_stamped;
static struct arrival_clock arrival_clock;

static struct timespec
split(int64_t nanoseconds)
{
	return (struct timespec){ nanoseconds / SECOND, nanoseconds % SECOND };
}

int
clock_gettime(clockid_t id, struct timespec *time)
{
	if (!faking)
		return (int)syscall(SYS_clock_gettime, id, time);
	*time = split(id == CLOCK_REALTIME ? now + wall : now);
	return 0;
}

ssize_t
recvmsg(int fd, struct msghdr *message, int flags)
{
	const struct timespec value = split(stamp);
	struct cmsghdr *c = CMSG_FIRSTHDR(message);

	(void)fd;
	(void)flags;
	if (stamp == 0) {
		errno = EAGAIN;
		return -1;
	}
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_TIMESTAMPNS;
	c->cmsg_len = CMSG_LEN(sizeof(value));
	memcpy(CMSG_DATA(c), &value, sizeof(value));
	message->msg_controllen = is_stamped ? c->cmsg_len : 0;
	return 1;
}

/* Returns when what has this stamp arrived. */
static int64_t
receive(int64_t of)
{
	char byte;
	int64_t when = -1;

	stamp = of;
	ck_assert_int_eq(arrival_receive(-1, &arrival_clock, &byte, 1, &when), of != 0 ? 1 : -1);
	return when;
}

/* The socket was empty at 100 s of CLOCK_MONOTONIC, now it is 110 s; then the clock was set. */
static void
set_up(void)
{
	faking = is_stamped = true;
	now = 100 * SECOND;
	wall = 1000000 * SECOND;
	arrival_begin(&arrival_clock);
	now = 110 * SECOND;
}

static void
tear_down(void)
{
	faking = false;
}

#define AT(seconds) ((1000000 + (seconds)) * SECOND) /* by the wall clock, before it was set */

START_TEST(the_stamp_counts)
{
	ck_assert_int_eq(receive(AT(103)), 103 * SECOND);
	ck_assert_int_eq(receive(AT(110)), 110 * SECOND);
	now = 500 * SECOND; /* the process was stopped for long */
	ck_assert_int_eq(receive(AT(111)), 111 * SECOND);
	is_stamped = false;
	ck_assert_int_eq(receive(AT(111)), 500 * SECOND);
}
END_TEST

/* By how much the clock was set, and how much of that the stamp has: it is older, or newer. */
static const struct {
	int64_t step, stamped;
} steps[] = { { 3600, 0 }, { -3600, 0 }, { 3600, 3600 }, { -3600, -3600 } };

START_TEST(a_stamp_of_before_or_after_the_step)
{
	wall += steps[_i].step * SECOND;
	ck_assert_int_eq(receive(AT(103 + steps[_i].stamped)), 103 * SECOND);
}
END_TEST

/* Both clocks give a time that can be. */
START_TEST(of_two_the_later)
{
	wall += 2 * SECOND;
	ck_assert_int_eq(receive(AT(105)), 105 * SECOND);
	wall -= 4 * SECOND;
	ck_assert_int_eq(receive(AT(105)), 107 * SECOND);
}
END_TEST

START_TEST(a_stamp_that_cannot_be)
{
	wall += 3600 * SECOND;
	ck_assert_int_eq(receive(AT(50)), 110 * SECOND);
	ck_assert_int_eq(receive(AT(8000)), 110 * SECOND);
	wall -= 3600 * SECOND;
	ck_assert_int_eq(receive(AT(8000)), 110 * SECOND);
}
END_TEST

/* The step is forgotten once there is nothing of before it. */
START_TEST(an_empty_socket_begins_anew)
{
	wall += 3600 * SECOND;
	ck_assert_int_eq(receive(0), 110 * SECOND);
	now = 120 * SECOND;
	ck_assert_int_eq(receive(AT(115 + 3600)), 115 * SECOND);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("arrival");
	TCase *tests = tcase_create("arrival");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, the_stamp_counts);
	tcase_add_loop_test(tests, a_stamp_of_before_or_after_the_step, 0,
	    sizeof(steps) / sizeof(steps[0]));
	tcase_add_test(tests, of_two_the_later);
	tcase_add_test(tests, a_stamp_that_cannot_be);
	tcase_add_test(tests, an_empty_socket_begins_anew);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
