/* What the service manager is told, and what becomes of it where there is no room. */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "daemon/control/notify.h"
#include "daemon/threads/loop.h"
#include "runner.h"

#define FILLER "filler"
#define NAME_SIZE 64

static struct event_base *base;
static struct notify *notify;
static char status[100];

static struct sockaddr_un name;
static socklen_t name_length;
static int manager = -1;

/* --- the manager ------------------------------------------------------------------------ */

static void
listen_again(void)
{
	if (manager != -1)
		close(manager);
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ne(manager, -1);
	ck_assert_int_eq(bind(manager, (const struct sockaddr *)&name, name_length), 0);
}

/* Each test runs in a process of its own. */
static void
begin(void)
{
	static const struct loop_settings settings = { .method = EVENT_METHOD_AUTO };
	char text[NAME_SIZE];

	snprintf(text, sizeof(text), "@echod-test-%d", (int)getpid());
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", text, 1), 0);
	name = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(name.sun_path + 1, text + 1, strlen(text + 1));
	name_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(text));
	listen_again();
	base = loop_base_new(&settings);
	ck_assert_ptr_nonnull(base);
	ck_assert(notify_is_wanted());
	strcpy(status, "fine");
	notify = notify_new(base, status);
	ck_assert_ptr_nonnull(notify);
}

static void
end(void)
{
	notify_free(notify);
	event_base_free(base);
	close(manager);
}

/* By several sockets, since a kernel may have more room than it lets one of them fill. */
static void
fill(void)
{
	bool any = true;

	while (any) {
		const int filler = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		ck_assert_int_ne(filler, -1);
		for (any = false; sendto(filler, FILLER, strlen(FILLER), MSG_DONTWAIT,
		    (const struct sockaddr *)&name, name_length) != -1; any = true)
			;
		ck_assert_int_eq(errno, EAGAIN);
		close(filler);
	}
}

/* The next message, or "" where there is none. */
static const char *
receive(void)
{
	static char text[1000];
	ssize_t n;

	do {
		n = recv(manager, text, sizeof(text) - 1, MSG_DONTWAIT);
		text[n > 0 ? n : 0] = '\0';
	} while (strcmp(text, FILLER) == 0);
	return text;
}

/* Takes what fills it, and has the loop run until there is nothing more to be done. */
static void
read_late(void)
{
	ck_assert_str_eq(receive(), "");
	ck_assert_int_eq(event_base_dispatch(base), 1);
}

static bool
has_something_to_do(void)
{
	return event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED) > 0;
}

static unsigned long long
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (unsigned long long)time.tv_sec * 1000000 + (unsigned long long)time.tv_nsec / 1000;
}

/* The next message is of a reload that began between these two. */
static void
assert_reloading(unsigned long long earliest, unsigned long long latest)
{
	unsigned long long time;

	ck_assert_int_eq(sscanf(receive(), "RELOADING=1\nMONOTONIC_USEC=%llu", &time), 1);
	ck_assert_uint_le(earliest, time);
	ck_assert_uint_le(time, latest);
}

/* --- told at once ----------------------------------------------------------------------- */

START_TEST(each_word)
{
	const unsigned long long earliest = now();

	notify_tell(notify, NOTIFY_RELOADING);
	assert_reloading(earliest, now());
	notify_tell(notify, NOTIFY_READY);
	ck_assert_str_eq(receive(), "READY=1\nSTATUS=fine");
	notify_tell(notify, NOTIFY_STATUS);
	ck_assert_str_eq(receive(), "STATUS=fine");
	notify_tell(notify, NOTIFY_STOPPING | NOTIFY_EXTEND);
	ck_assert_str_eq(receive(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=15000000\nSTATUS=fine");
	notify_tell(notify, NOTIFY_EXTEND);
	ck_assert_str_eq(receive(), "EXTEND_TIMEOUT_USEC=15000000\nSTATUS=fine");
	notify_feed_watchdog(notify);
	ck_assert_str_eq(receive(), "WATCHDOG=1");
	notify_tell(notify, 0);
	ck_assert_str_eq(receive(), "");
	ck_assert(!has_something_to_do());
}
END_TEST

START_TEST(nothing_is_said_twice)
{
	notify_tell(notify, NOTIFY_READY | NOTIFY_STATUS);
	ck_assert_str_eq(receive(), "READY=1\nSTATUS=fine");
	ck_assert_str_eq(receive(), "");
}
END_TEST

/* --- told late ---------------------------------------------------------------------------- */

START_TEST(in_order_and_with_the_newest_status)
{
	fill();
	notify_tell(notify, NOTIFY_READY);
	strcpy(status, "stopping");
	notify_tell(notify, NOTIFY_STOPPING | NOTIFY_EXTEND);
	strcpy(status, "stopping soon");
	notify_tell(notify, NOTIFY_STATUS);
	read_late();
	ck_assert_str_eq(receive(), "READY=1\nSTATUS=stopping soon");
	ck_assert_str_eq(receive(),
	    "STOPPING=1\nEXTEND_TIMEOUT_USEC=15000000\nSTATUS=stopping soon");
	ck_assert_str_eq(receive(), "");
	ck_assert(!has_something_to_do());
}
END_TEST

START_TEST(a_status_is_replaced)
{
	fill();
	notify_tell(notify, NOTIFY_STATUS);
	strcpy(status, "better");
	notify_tell(notify, NOTIFY_STATUS);
	read_late();
	ck_assert_str_eq(receive(), "STATUS=better");
	ck_assert_str_eq(receive(), "");
}
END_TEST

START_TEST(a_reload_has_the_time_when_it_began)
{
	const unsigned long long earliest = now();
	unsigned long long latest;

	fill();
	notify_tell(notify, NOTIFY_RELOADING);
	latest = now();
	notify_tell(notify, NOTIFY_READY);
	read_late();
	assert_reloading(earliest, latest);
	ck_assert_str_eq(receive(), "READY=1\nSTATUS=fine");
	ck_assert_str_eq(receive(), "");
}
END_TEST

/* The manager must not take the end of the first for that of the second. */
START_TEST(reloads_that_were_not_told_become_one)
{
	unsigned long long earliest;

	fill();
	notify_tell(notify, NOTIFY_RELOADING);
	notify_tell(notify, NOTIFY_READY);
	earliest = now();
	notify_tell(notify, NOTIFY_RELOADING);
	notify_tell(notify, NOTIFY_READY);
	read_late();
	assert_reloading(earliest, now());
	ck_assert_str_eq(receive(), "READY=1\nSTATUS=fine");
	ck_assert_str_eq(receive(), "");
}
END_TEST

START_TEST(an_end_that_was_not_told_does_not_follow_the_next_beginning)
{
	fill();
	notify_tell(notify, NOTIFY_READY);
	ck_assert_str_eq(receive(), "");
	notify_tell(notify, NOTIFY_RELOADING);
	assert_reloading(0, now());
	ck_assert_str_eq(receive(), "");
	ck_assert(!has_something_to_do());
}
END_TEST

START_TEST(a_sign_of_life_is_never_late)
{
	fill();
	notify_feed_watchdog(notify);
	ck_assert(!has_something_to_do());
	ck_assert_str_eq(receive(), "");
}
END_TEST

START_TEST(a_sign_of_life_does_not_overtake)
{
	fill();
	notify_tell(notify, NOTIFY_READY);
	notify_feed_watchdog(notify);
	ck_assert_str_eq(receive(), "");
	notify_feed_watchdog(notify);
	ck_assert_str_eq(receive(), "READY=1\nSTATUS=fine");
	ck_assert_str_eq(receive(), "WATCHDOG=1");
	ck_assert(!has_something_to_do());
}
END_TEST

START_TEST(a_manager_that_begins_anew)
{
	close(manager);
	manager = -1;
	notify_tell(notify, NOTIFY_READY);
	ck_assert(has_something_to_do());
	listen_again();
	ck_assert_int_eq(event_base_dispatch(base), 1);
	ck_assert_str_eq(receive(), "READY=1\nSTATUS=fine");
}
END_TEST

/* How often it is tried in vain, also where there is always something new to tell. */
START_TEST(tries_are_far_between)
{
	const unsigned long long enough = now() + 600000;
	int tries = 0;

	fill();
	notify_tell(notify, NOTIFY_READY);
	for (; now() < enough; tries++) {
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
		ck_assert(has_something_to_do());
	}
	ck_assert_int_ge(tries, 1);
	ck_assert_int_le(tries, 60); /* one in 10 ms */
}
END_TEST

START_TEST(what_is_untold_at_the_end_is_lost)
{
	fill();
	notify_tell(notify, NOTIFY_STOPPING);
	notify_free(notify);
	notify = NULL;
	ck_assert(!has_something_to_do());
}
END_TEST

/* --- names ------------------------------------------------------------------------------ */

#define LONGEST (sizeof(name.sun_path))

static const struct {
	char first;
	size_t length;
	bool wanted;
} names[] = {
	{ '@', 0, false }, { '@', 1, false }, { '/', 1, false }, { 'x', 2, false },
	{ '@', 2, true }, { '/', 2, true },
	{ '/', LONGEST - 1, true }, { '/', LONGEST, false },
	{ '@', LONGEST, true }, { '@', LONGEST + 1, false },
};
#define NAME_COUNT ((int)(sizeof(names) / sizeof(names[0])))

START_TEST(what_names_a_socket)
{
	char text[LONGEST + 2];

	memset(text, 'x', sizeof(text));
	text[0] = names[_i].first;
	text[names[_i].length] = '\0';
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", text, 1), 0);
	ck_assert(notify_is_wanted() == names[_i].wanted);
}
END_TEST

START_TEST(no_name)
{
	ck_assert_int_eq(unsetenv("NOTIFY_SOCKET"), 0);
	ck_assert(!notify_is_wanted());
}
END_TEST

START_TEST(a_path)
{
	char folder[] = "/tmp/echod-notify-XXXXXX", path[NAME_SIZE];

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/socket", folder);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", path, 1), 0);
	name = (struct sockaddr_un){ .sun_family = AF_UNIX };
	strcpy(name.sun_path, path);
	name_length = sizeof(name);
	listen_again();
	notify_free(notify);
	notify = notify_new(base, status);
	ck_assert_ptr_nonnull(notify);
	notify_tell(notify, NOTIFY_STATUS);
	unlink(path);
	rmdir(folder);
	ck_assert_str_eq(receive(), "STATUS=fine");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("notify");
	TCase *tests = tcase_create("notify");

	tcase_add_checked_fixture(tests, begin, end);
	tcase_add_test(tests, each_word);
	tcase_add_test(tests, nothing_is_said_twice);
	tcase_add_test(tests, in_order_and_with_the_newest_status);
	tcase_add_test(tests, a_status_is_replaced);
	tcase_add_test(tests, a_reload_has_the_time_when_it_began);
	tcase_add_test(tests, reloads_that_were_not_told_become_one);
	tcase_add_test(tests, an_end_that_was_not_told_does_not_follow_the_next_beginning);
	tcase_add_test(tests, a_sign_of_life_is_never_late);
	tcase_add_test(tests, a_sign_of_life_does_not_overtake);
	tcase_add_test(tests, a_manager_that_begins_anew);
	tcase_add_test(tests, tries_are_far_between);
	tcase_add_test(tests, what_is_untold_at_the_end_is_lost);
	tcase_add_loop_test(tests, what_names_a_socket, 0, NAME_COUNT);
	tcase_add_test(tests, no_name);
	tcase_add_test(tests, a_path);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
