/* The search for the longest datagram: exact for each limit, whatever is told of it. */
#include "client/mtu/search.h"
#include "random.h"
#include "runner.h"

#define LEAST 16
#define MOST 65507

/* More than any search takes, whatever it is told: of two bisections, one after the other. */
#define STEPS_MOST 60

/* A path: what passes, what this host sends, and what it says of the others. */
struct path {
	size_t limit, interface;
	size_t (*tell)(const struct path *path, size_t size);
};

static size_t
tell_nothing(const struct path *path, size_t size)
{
	(void)path;
	(void)size;
	return 0;
}

static size_t
tell_truth(const struct path *path, size_t size)
{
	(void)size;
	return path->limit;
}

static size_t
tell_too_little(const struct path *path, size_t size)
{
	(void)size;
	return path->limit / 2;
}

static size_t
tell_too_much(const struct path *path, size_t size)
{
	return path->limit + (size - path->limit) / 2;
}

static size_t
tell_anything(const struct path *path, size_t size)
{
	(void)path;
	(void)size;
	return random_below(2 * MOST);
}

static size_t (*const tellings[])(const struct path *path, size_t size) = {
	tell_nothing, tell_truth, tell_too_little, tell_too_much, tell_anything,
};

/* Tries one size.  Returns false where nothing is left to try. */
static bool
take_step(struct search *search, const struct path *path)
{
	const size_t confirmed = search_wants_confirmation(search) ? search->failed : 0;
	const size_t next = search_next(search), size = next > 0 ? next : confirmed;

	if (size == 0)
		return false;
	ck_assert_uint_ge(size, LEAST);
	ck_assert_uint_le(size, MOST);
	if (size > path->interface) {
		search_told(search, path->interface);
		search_refused(search, size);
	} else if (size > path->limit) {
		search_told(search, path->tell(path, size));
		search_failed(search, size);
	} else {
		search_came(search, size);
	}
	return true;
}

/* Returns how many steps it took. */
static int
run(struct search *search, const struct path *path)
{
	int steps = 0;

	while (take_step(search, path))
		ck_assert_int_le(++steps, STEPS_MOST);
	return steps;
}

START_TEST(each_limit_is_found_to_the_byte)
{
	struct path path = { .interface = MOST, .tell = tellings[_i] };
	struct search search;

	random_begin(_i);
	for (path.limit = LEAST; path.limit <= MOST; path.limit += 1 + random_below(97)) {
		search_init(&search, LEAST, MOST);
		run(&search, &path);
		ck_assert_uint_eq(search.came, path.limit);
		ck_assert_uint_eq(search.failed, path.limit + 1);
		ck_assert(search.confirmed || path.limit == MOST);
		ck_assert_uint_eq(search.changes, 0);
	}
}
END_TEST

START_TEST(an_interface_below_the_limit_is_found)
{
	struct path path = { .interface = 1472, .limit = 1472, .tell = tell_nothing };
	struct search search;

	search_init(&search, LEAST, MOST);
	ck_assert_int_eq(run(&search, &path), 4);
	ck_assert_uint_eq(search.came, 1472);
	ck_assert_uint_eq(search.refused, 1473);
}
END_TEST

START_TEST(what_is_told_and_true_takes_a_few_steps)
{
	struct path path = { .interface = 1472, .limit = 1372, .tell = tell_truth };
	struct search search;

	search_init(&search, LEAST, MOST);
	ck_assert_int_eq(run(&search, &path), 6);
	ck_assert_uint_eq(search.came, 1372);
}
END_TEST

START_TEST(nobody_answers)
{
	struct path path = { .interface = MOST, .limit = 0, .tell = tell_nothing };
	struct search search;

	search_init(&search, LEAST, MOST);
	ck_assert_int_eq(run(&search, &path), 1);
	ck_assert_uint_eq(search.came, 0);
	ck_assert(!search_wants_confirmation(&search));
}
END_TEST

/* The path has the one limit up to some step, and then the other. */
static void
change_after(int count, size_t before, size_t after)
{
	struct path path = { .interface = 9000, .limit = before, .tell = tell_truth };
	struct search search;

	search_init(&search, LEAST, MOST);
	for (int i = 0; i < count && take_step(&search, &path); i++)
		;
	path.limit = after;
	/* What came back is looked at again where it seems not to. */
	if (search.came > after)
		search_failed(&search, search.came);
	run(&search, &path);
	if (after < before)
		ck_assert_uint_eq(search.came, after);
	else /* or it was over before */
		ck_assert(search.came == after || search.came == before);
}

START_TEST(a_limit_that_changes_is_found_anew)
{
	for (int count = 2; count < 20; count++) {
		change_after(count, 1472, 1252);
		change_after(count, 8972, 1472);
		change_after(count, 1252, 1472);
	}
}
END_TEST

/* One that comes back late counts, though it was held not to. */
START_TEST(a_late_reply_opens_the_search_again)
{
	struct path path = { .interface = 1472, .limit = 1400, .tell = tell_nothing };
	struct search search;

	search_init(&search, LEAST, MOST);
	search_came(&search, LEAST);
	search_failed(&search, 1000);
	search_came(&search, 1000);
	ck_assert_uint_eq(search.changes, 1);
	run(&search, &path);
	ck_assert_uint_eq(search.came, 1400);
}
END_TEST

START_TEST(an_interface_that_takes_longer_ones_now)
{
	struct path path = { .interface = 1472, .limit = 8972, .tell = tell_nothing };
	struct search search;

	search_init(&search, LEAST, MOST);
	run(&search, &path);
	path.interface = 8972;
	search_came(&search, 1473);
	run(&search, &path);
	ck_assert_uint_eq(search.came, 8972);
	ck_assert_uint_eq(search.refused, 8973);
}
END_TEST

/* Whatever comes, it neither asks for what cannot be nor goes wrong in its books. */
START_TEST(anything_may_happen)
{
	struct search search;

	random_begin(_i);
	search_init(&search, LEAST, MOST);
	for (int i = 0; i < 1000; i++) {
		const size_t next = search_next(&search);
		const size_t size = random_once_in(3) || next == 0
		    ? LEAST + random_below(MOST - LEAST + 1) : next;

		search_told(&search, random_below(3) * random_below(MOST));
		if (random_once_in(2))
			search_came(&search, size);
		else if (random_once_in(4))
			search_refused(&search, size);
		else
			search_failed(&search, size);
		ck_assert_uint_lt(search.came, search.failed);
		ck_assert_uint_le(search.failed, search.refused);
		ck_assert_uint_le(search.refused, MOST + 1);
		ck_assert(search_next(&search) == 0 || (search_next(&search) > search.came &&
		    search_next(&search) < search.failed));
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("search");
	TCase *cases = tcase_create("search");

	tcase_add_loop_test(cases, each_limit_is_found_to_the_byte, 0,
	    sizeof(tellings) / sizeof(tellings[0]));
	tcase_add_test(cases, an_interface_below_the_limit_is_found);
	tcase_add_test(cases, what_is_told_and_true_takes_a_few_steps);
	tcase_add_test(cases, nobody_answers);
	tcase_add_test(cases, a_limit_that_changes_is_found_anew);
	tcase_add_test(cases, a_late_reply_opens_the_search_again);
	tcase_add_test(cases, an_interface_that_takes_longer_ones_now);
	tcase_add_loop_test(cases, anything_may_happen, 0, 100);
	suite_add_tcase(suite, cases);
	return run_suite(suite);
}
