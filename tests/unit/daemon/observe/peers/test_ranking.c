/* The first of many: those that a sort would put first, whatever order they come in. */
#include "daemon/observe/peers/ranking.h"

#include <stdlib.h>

#include "random.h"
#include "runner.h"

#define MANY 1000
#define SEEDS 50

static int
compare(const void *a, const void *b)
{
	const int64_t *const x = a, *const y = b;

	return (*x < *y) - (*x > *y);
}

START_TEST(the_first_are_kept)
{
	static int64_t ranks[MANY];
	struct ranking ranking;
	size_t most, count;

	random_begin(_i);
	most = random_below(200);
	count = random_below(MANY);
	ck_assert(ranking_make(&ranking, most));
	for (size_t i = 0; i < count; i++) {
		ranks[i] = (int64_t)random_below(300) - 150;
		if (ranking_wants(&ranking, ranks[i]))
			ranking_add(&ranking, ranks[i], &ranks[i]);
	}
	qsort(ranks, count, sizeof(ranks[0]), compare);
	ck_assert_uint_eq(ranking.count, count < most ? count : most);
	while (ranking.count > 0) {
		const size_t last = ranking.count - 1;

		ck_assert_int_eq(ranking_take(&ranking).rank, ranks[last]);
	}
	ranking_free(&ranking);
}
END_TEST

START_TEST(who_is_put_out_is_told)
{
	struct ranking ranking;
	int a, b, c;

	ck_assert(ranking_make(&ranking, 2));
	ranking_add(&ranking, 5, &a);
	ck_assert_ptr_null(ranking_lowest(&ranking));
	ranking_add(&ranking, 3, &b);
	ck_assert(!ranking_wants(&ranking, 3));
	ck_assert(ranking_wants(&ranking, 4));
	ck_assert_ptr_eq(ranking_lowest(&ranking), &b);
	ranking_add(&ranking, 4, &c);
	ck_assert_ptr_eq(ranking_take(&ranking).what, &c);
	ck_assert_ptr_eq(ranking_take(&ranking).what, &a);
	ranking_free(&ranking);
}
END_TEST

START_TEST(of_none_nothing_is_wanted)
{
	struct ranking ranking;

	ck_assert(ranking_make(&ranking, 0));
	ck_assert(!ranking_wants(&ranking, INT64_MAX));
	ranking_free(&ranking);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ranking");
	TCase *tests = tcase_create("ranking");

	tcase_add_loop_test(tests, the_first_are_kept, 0, SEEDS);
	tcase_add_test(tests, who_is_put_out_is_told);
	tcase_add_test(tests, of_none_nothing_is_wanted);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
