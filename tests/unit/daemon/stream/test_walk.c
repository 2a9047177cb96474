/*
 * A walk over a crowd that lives on meanwhile: who was there when it began and stays is looked at
 * once, whatever he does, and nothing else is.  Each test runs over each back end.
 */
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/stream/conn_internal.h"
#include "daemon/stream/walk.h"
#include "one_conn.h"
#include "random.h"
#include "runner.h"

#define CROWD 300

/* A look takes so long that a slice has few of them: us. */
#define LOOK 20

static struct member {
	struct conn *conn; /* NULL: it was closed */
	int peer;
	int looks;
} members[CROWD];

static int strangers, ends;

static struct member *
find(const struct conn *looked_at)
{
	for (int i = 0; i < CROWD; i++)
		if (members[i].conn == looked_at)
			return &members[i];
	return NULL;
}

static void
look(struct walk *walk, const struct conn *looked_at)
{
	const int64_t end = clock_us() + LOOK;
	struct member *member = find(looked_at);

	(void)walk;
	if (member != NULL)
		member->looks++;
	else
		strangers++;
	while (clock_us() < end)
		continue;
}

static void
done(struct walk *walk)
{
	(void)walk;
	ends++;
}

static void
gather_crowd(const struct loop_settings *settings)
{
	set_up(settings);
	strangers = ends = 0;
	for (int i = 0; i < CROWD; i++) {
		const int other = i == 0 ? peer : another_peer(NULL);

		members[i] = (struct member){ TAILQ_LAST(&crowd->lists[CONN_READING], conn_list),
			other, 0 };
	}
}

static void
disperse(void)
{
	for (int i = 1; i < CROWD; i++) {
		close(members[i].peer);
		if (members[i].conn != NULL)
			conn_abort(members[i].conn, CLOSE_STOP);
	}
	tear_down();
}

/* What may happen between two slices, to anybody. */
static void
do_something(void)
{
	struct member *member = &members[1 + random_below(CROWD - 1)];

	if (member->conn == NULL)
		return;
	if (random_once_in(16)) {
		conn_abort(member->conn, CLOSE_STOP);
		member->conn = NULL;
	} else if (conn_state(member->conn) == CONN_PACED) {
		conn_set_state(member->conn, CONN_READING);
	} else if (random_once_in(2)) {
		conn_set_state(member->conn, CONN_PACED);
	} else {
		ck_assert_int_eq(send(member->peer, "x", 1, MSG_NOSIGNAL), 1);
	}
}

/* One look at what is ready: a turn would go on until nothing is. */
static void
pass(void)
{
	event_base_loop(loop->base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
}

/* One who comes meanwhile is not looked at. */
static void
walk_through(struct walk *walk)
{
	int newcomer, passes = 0;
	struct conn *its;

	walk_begin(walk, crowd);
	newcomer = another_peer(NULL);
	its = TAILQ_LAST(&crowd->lists[CONN_READING], conn_list);
	for (ends = 0; ends == 0; passes++) {
		for (int i = 0; i < 30; i++)
			do_something();
		pass();
	}
	conn_abort(its, CLOSE_STOP);
	close(newcomer);
	ck_assert_int_gt(passes, 5);
}

START_TEST(each_is_looked_at_once_whatever_happens)
{
	struct walk walk = { .look = look, .done = done };

	random_begin(_i);
	gather_crowd(&one_conn_configs[_i]);
	for (int round = 1; round <= 3; round++) {
		walk_through(&walk);
		for (int i = 0; i < CROWD; i++)
			ck_assert(members[i].looks == round || members[i].conn == NULL);
	}
	ck_assert_int_eq(strangers, 0);
	disperse();
}
END_TEST

START_TEST(it_is_done_in_slices)
{
	struct walk walk = { .look = look, .done = done };

	gather_crowd(&one_conn_configs[_i]);
	walk_begin(&walk, crowd);
	ck_assert_int_eq(ends, 0);
	ck_assert_int_lt(members[CROWD - 1].looks, 1);
	ck_assert_int_eq(members[0].looks, 1);
	while (ends == 0)
		pass();
	for (int i = 0; i < CROWD; i++)
		ck_assert_int_eq(members[i].looks, 1);
	ck_assert_ptr_null(crowd->walk);
	disperse();
}
END_TEST

/* Also one that is bulk, as each is at first. */
START_TEST(others_are_served_between_slices)
{
	struct walk walk = { .look = look, .done = done };
	struct member *last = &members[CROWD - 1];
	char byte;

	gather_crowd(&one_conn_configs[_i]);
	ck_assert_int_eq(send(last->peer, "x", 1, MSG_NOSIGNAL), 1);
	walk_begin(&walk, crowd);
	for (int i = 0; i < 4; i++)
		pass();
	ck_assert_int_eq(ends, 0);
	ck_assert_int_eq(recv(last->peer, &byte, 1, MSG_DONTWAIT), 1);
	while (ends == 0)
		pass();
	ck_assert_int_eq(last->looks, 1);
	disperse();
}
END_TEST

START_TEST(who_would_be_next_ends)
{
	struct walk walk = { .look = look, .done = done };
	struct conn *next, *after;

	gather_crowd(&one_conn_configs[_i]);
	walk_begin(&walk, crowd);
	next = walk.next;
	after = conn_next(next);
	conn_abort(next, CLOSE_STOP);
	ck_assert_ptr_eq(walk.next, after);
	while (ends == 0)
		turn();
	for (int i = 0; i < CROWD; i++) {
		ck_assert_int_eq(members[i].looks, members[i].conn != next);
		if (members[i].conn == next)
			members[i].conn = NULL;
	}
	disperse();
}
END_TEST

START_TEST(nobody_is_there)
{
	struct walk walk = { .look = look, .done = done };

	set_up(&one_conn_configs[_i]);
	conn_abort(conn, CLOSE_STOP);
	turn();
	strangers = ends = 0;
	walk_begin(&walk, crowd);
	ck_assert_int_eq(ends, 1);
	ck_assert_int_eq(strangers, 0);
	tear_down();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("walk");
	TCase *tests = tcase_create("walk");

	signal(SIGPIPE, SIG_IGN);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, each_is_looked_at_once_whatever_happens, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, it_is_done_in_slices, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, others_are_served_between_slices, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, who_would_be_next_ends, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, nobody_is_there, 0, ONE_CONN_CONFIGS);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
