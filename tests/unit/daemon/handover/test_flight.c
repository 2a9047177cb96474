/* A parcel in flight: looked at, taken once, by one of both, or come back without a trace. */
#include "daemon/handover/flight.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "items.h"
#include "runner.h"

static struct flight flight;
static char why[PARCEL_WHY_SIZE];

static void
set_up(void)
{
	ck_assert_int_eq(flight_open(&flight), 0);
}

static void
tear_down(void)
{
	flight_close(&flight);
}

static int
count_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	ck_assert_ptr_nonnull(folder);
	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count;
}

/* Sends the items, with pipes for descriptors, and returns how many were needed. */
static void
send_items(void)
{
	struct packing packing;
	int ends[2];

	ck_assert_int_eq(packing_begin(&packing, &flight), 0);
	ck_assert_int_eq(pipe(ends), 0);
	for (size_t i = 0; i < ITEMS; i++)
		ck_assert_int_eq(packing_put(&packing, &items[i], ends[1]), 0);
	ck_assert_int_eq(packing_send(&packing), 0);
	close(ends[0]);
	close(ends[1]);
}

/* Connections enough for several messages.  Asserts nothing, for a child of a test. */
static int
send_many(size_t count, int fd)
{
	const struct parcel_item reading =
	    { PARCEL_CONN, .conn = { 0, { .state = CONN_READING } } };
	struct packing packing;

	if (packing_begin(&packing, &flight) == -1)
		return -1;
	packing_put(&packing, &items[0], -1);
	packing_put(&packing, &items[6], -1);
	for (size_t i = 0; i < count; i++)
		packing_put(&packing, &reading, fd);
	return packing_send(&packing);
}

START_TEST(it_arrives_whole)
{
	const int before = count_fds();
	struct parcel_item item;
	struct cargo cargo;
	size_t descriptor;

	send_items();
	ck_assert_msg(cargo_look(&cargo, flight.receiving, why), "%s", why);
	for (size_t i = 0; i < ITEMS; i++) {
		ck_assert(parcel_next(&cargo.parcel, &item, &descriptor));
		assert_same_item(&item, &items[i]);
		if (parcel_has_descriptor(item.kind))
			ck_assert_int_eq(fcntl(cargo.fds[descriptor], F_GETFD), FD_CLOEXEC);
	}
	ck_assert_uint_eq(cargo.count, items_descriptors());
	cargo_free(&cargo);
	ck_assert_int_eq(count_fds(), before);
}
END_TEST

START_TEST(each_descriptor_comes_at_its_place)
{
	const struct parcel_item reading =
	    { PARCEL_CONN, .conn = { 0, { .state = CONN_READING } } };
	enum { COUNT = 600 }; /* three messages */
	struct stat sent[COUNT], found;
	struct packing packing;
	struct cargo cargo;
	int ends[2];

	ck_assert_int_eq(packing_begin(&packing, &flight), 0);
	ck_assert_int_eq(packing_put(&packing, &items[0], -1), 0);
	ck_assert_int_eq(packing_put(&packing, &items[6], -1), 0);
	for (size_t i = 0; i < COUNT; i += 2) {
		ck_assert_int_eq(pipe(ends), 0);
		for (int end = 0; end < 2; end++) {
			ck_assert_int_eq(fstat(ends[end], &sent[i + (size_t)end]), 0);
			ck_assert_int_eq(packing_put(&packing, &reading, ends[end]), 0);
		}
	}
	ck_assert_int_eq(packing_send(&packing), 0);
	ck_assert_msg(cargo_look(&cargo, flight.receiving, why), "%s", why);
	ck_assert_uint_eq(cargo.count, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		const int fd = cargo_take_fd(&cargo, i);

		ck_assert_int_eq(fstat(fd, &found), 0);
		ck_assert_uint_eq(found.st_ino, sent[i].st_ino);
		close(fd);
	}
	cargo_free(&cargo);
}
END_TEST

/* As successors do that end before they take it. */
START_TEST(who_looks_takes_nothing)
{
	int status;

	send_items();
	for (int i = 0; i < 3; i++) {
		const pid_t child = fork();
		struct cargo cargo;

		if (child == 0)
			_exit(cargo_look(&cargo, flight.receiving, why) ? 0 : 1);
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert_int_eq(status, 0);
	}
	ck_assert(flight_take(flight.receiving));
}
END_TEST

START_TEST(one_takes_it)
{
	const int other = dup(flight.receiving);
	struct cargo cargo;

	ck_assert_int_eq(send_many(1000, 0), 0);
	ck_assert(cargo_look(&cargo, other, why));
	ck_assert(flight_take(other));
	ck_assert(!flight_take(flight.receiving));
	ck_assert(!flight_take(other));
	cargo_free(&cargo);
	ck_assert(!cargo_look(&cargo, other, why));
	ck_assert_str_eq(why, "there is none");
	close(other);
}
END_TEST

/* Whichever comes first: never both, and never neither. */
START_TEST(of_two_at_once_one_takes_it)
{
	for (int i = 0; i < 200; i++) {
		bool is_ours;
		int status;
		pid_t child;

		ck_assert_int_eq(send_many(2000, 0), 0);
		child = fork();
		if (child == 0)
			_exit(flight_take(flight.receiving));
		if (i % 2 == 0)
			sched_yield();
		is_ours = flight_take(flight.receiving);
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert_int_eq(is_ours + WEXITSTATUS(status), 1);
		flight_close(&flight);
		ck_assert_int_eq(flight_open(&flight), 0);
	}
}
END_TEST

/* A peer sees the end only once nobody has its connection. */
START_TEST(what_was_taken_is_held_by_nobody)
{
	struct cargo cargo;
	int pair[2];
	char byte;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(send_many(1, pair[0]), 0);
	close(pair[0]);
	ck_assert_int_eq(recv(pair[1], &byte, 1, MSG_DONTWAIT), -1);
	ck_assert(cargo_look(&cargo, flight.receiving, why));
	ck_assert(flight_take(flight.receiving));
	ck_assert_int_eq(recv(pair[1], &byte, 1, MSG_DONTWAIT), -1);
	cargo_free(&cargo);
	ck_assert_int_eq(recv(pair[1], &byte, 1, MSG_DONTWAIT), 0);
	close(pair[1]);
}
END_TEST

static void
allow_fds(rlim_t count)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = count;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

START_TEST(too_few_descriptors_are_told_and_nothing_is_lost)
{
	struct rlimit limit;
	struct cargo cargo;
	int before;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(send_many(500, 0), 0);
	before = count_fds();
	allow_fds((rlim_t)before + 300);
	ck_assert(!cargo_look(&cargo, flight.receiving, why));
	ck_assert_str_eq(why,
	    "too few descriptors are allowed for it: raise LimitNOFILE; select has 1,024");
	ck_assert_int_eq(count_fds(), before);
	allow_fds(limit.rlim_cur);
	ck_assert_msg(cargo_look(&cargo, flight.receiving, why), "%s", why);
	ck_assert_uint_eq(cargo.count, 500);
	cargo_free(&cargo);
	ck_assert(flight_take(flight.receiving));
}
END_TEST

/* Only root may have so many in flight whatever the limits are. */
START_TEST(as_many_as_a_process_may_have_fly)
{
	if (geteuid() == 0)
		ck_assert_int_eq(send_many(200000, 0), 0);
}
END_TEST

START_TEST(what_cannot_be_sent_is_not_in_flight)
{
	const int size = 65536;
	struct cargo cargo;

	ck_assert_int_eq(setsockopt(flight.sending, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	ck_assert_int_eq(send_many(200000, 0), -1);
	ck_assert(errno == ENOBUFS || errno == ETOOMANYREFS);
	ck_assert(!cargo_look(&cargo, flight.receiving, why));
	ck_assert_str_eq(why, "there is none");
}
END_TEST

START_TEST(bytes_without_room_are_not_in_flight)
{
	const struct rlimit small = { 4096, 4096 };
	struct cargo cargo;
	int status;
	pid_t child = fork();

	if (child == 0) {
		signal(SIGXFSZ, SIG_IGN);
		_exit(setrlimit(RLIMIT_FSIZE, &small) == 0 && send_many(5000, 0) == -1 ? errno : 0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(WEXITSTATUS(status), EFBIG);
	ck_assert(!cargo_look(&cargo, flight.receiving, why));
}
END_TEST

START_TEST(a_parcel_that_was_given_up_leaves_nothing)
{
	const int before = count_fds();
	struct packing packing;
	struct cargo cargo;

	ck_assert_int_eq(packing_begin(&packing, &flight), 0);
	ck_assert_int_eq(packing_put(&packing, &items[0], -1), 0);
	packing_drop(&packing);
	ck_assert(!cargo_look(&cargo, flight.receiving, why));
	ck_assert_int_eq(count_fds(), before);
}
END_TEST

/* What it had before lies behind the end of a shorter one. */
START_TEST(a_flight_serves_again)
{
	struct cargo cargo;

	ck_assert(flight_is_empty(flight.receiving));
	ck_assert_int_eq(send_many(300, flight.sending), 0);
	ck_assert(!flight_is_empty(flight.receiving));
	ck_assert(!flight_is_empty(flight.receiving));
	ck_assert(flight_take(flight.receiving));
	ck_assert(flight_is_empty(flight.receiving));
	for (size_t count = 3; count > 0; count--) {
		ck_assert_int_eq(send_many(count, flight.sending), 0);
		ck_assert_msg(cargo_look(&cargo, flight.receiving, why), "%s", why);
		ck_assert_uint_eq(cargo.count, count);
		cargo_free(&cargo);
		ck_assert(flight_take(flight.receiving));
	}
}
END_TEST

/* Somebody sends something else. */
static void
send_fd(int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec io = { (char[]){ 'p' }, 1 };
	struct msghdr header = { .msg_iov = &io, .msg_iovlen = 1 };
	struct cmsghdr *first;

	if (fd != -1) {
		header.msg_control = control;
		header.msg_controllen = sizeof(control);
		first = CMSG_FIRSTHDR(&header);
		*first = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(first), &fd, sizeof(int));
	}
	ck_assert_int_eq(sendmsg(flight.sending, &header, 0), 1);
}

START_TEST(what_is_no_parcel_is_refused)
{
	const int before = count_fds();
	struct cargo cargo;

	send_fd(-1);
	ck_assert(!cargo_look(&cargo, flight.receiving, why));
	ck_assert_str_eq(why, "a message of it has no descriptors");
	flight_take(flight.receiving);
	send_fd(flight.sending);
	ck_assert(!cargo_look(&cargo, flight.receiving, why));
	ck_assert_str_eq(why, "it has no bytes");
	flight_take(flight.receiving);
	send_items();
	send_fd(flight.sending);
	ck_assert(!cargo_look(&cargo, flight.receiving, why));
	ck_assert_msg(strstr(why, " descriptors, and its records are of ") != NULL, "%s", why);
	ck_assert_int_eq(count_fds(), before);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("flight");
	TCase *tests = tcase_create("flight");

	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, it_arrives_whole);
	tcase_add_test(tests, each_descriptor_comes_at_its_place);
	tcase_add_test(tests, who_looks_takes_nothing);
	tcase_add_test(tests, one_takes_it);
	tcase_add_test(tests, of_two_at_once_one_takes_it);
	tcase_add_test(tests, what_was_taken_is_held_by_nobody);
	tcase_add_test(tests, too_few_descriptors_are_told_and_nothing_is_lost);
	tcase_add_test(tests, as_many_as_a_process_may_have_fly);
	tcase_add_test(tests, what_cannot_be_sent_is_not_in_flight);
	tcase_add_test(tests, bytes_without_room_are_not_in_flight);
	tcase_add_test(tests, a_parcel_that_was_given_up_leaves_nothing);
	tcase_add_test(tests, a_flight_serves_again);
	tcase_add_test(tests, what_is_no_parcel_is_refused);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
