/*
 * Which flows lose more than the others: what is told of runs that are simulated, the same ones
 * each time, in healthy networks and in others.
 */
#include "client/measure/suspects.h"

#include <math.h>
#include <stdbool.h>

#include "random.h"
#include "runner.h"

#define K 16

static struct suspect flows[SUSPECTS_MOST];

static bool
random_is_lost(double loss)
{
	return (double)(random_bits() >> 11) * 0x1p-53 < loss;
}

/* As many messages of each flow, of which each is lost with the chance that `losses` has for it. */
static struct suspects
simulate(size_t count, unsigned messages, const double *losses)
{
	for (size_t i = 0; i < count; i++) {
		flows[i] = (struct suspect){ .judged = messages };
		for (unsigned n = 0; n < messages; n++)
			flows[i].lost += random_is_lost(losses[i]);
	}
	return suspects_find(flows, count);
}

/* Flows of 100 messages that have lost so many. */
static struct suspects
find(size_t count, const uint64_t *lost)
{
	for (size_t i = 0; i < count; i++)
		flows[i] = (struct suspect){ .judged = 100, .lost = lost[i] };
	return suspects_find(flows, count);
}

/* --- healthy ones --------------------------------------------------------------------- */

static const struct {
	size_t count;
	unsigned messages;
	double loss;
} healthy[] = {
	{ 16, 200, 0 }, { 16, 200, 0.001 }, { 16, 200, 0.01 }, { 16, 200, 0.05 }, { 16, 200, 0.5 },
	{ 16, 200, 0.97 }, { 16, 20, 0.05 }, { 2, 200, 0.05 }, { 3, 50, 0.2 }, { 64, 100, 0.02 },
	{ 256, 20, 0.05 },
};

/* At most one run in 1,000 may name a flow, and one in 20 be unsure of one: the test is exact. */
START_TEST(where_all_lose_alike_none_is_named)
{
	const int runs = healthy[_i].count > 64 ? 100 : 1000;
	double losses[SUSPECTS_MOST];
	int named = 0, unsure = 0;

	random_begin(_i);
	for (size_t i = 0; i < SUSPECTS_MOST; i++)
		losses[i] = healthy[_i].loss;
	for (int run = 0; run < runs; run++) {
		const struct suspects found =
		    simulate(healthy[_i].count, healthy[_i].messages, losses);

		named += found.named > 0;
		unsure += found.unsure > 0;
	}
	ck_assert_msg(named <= 1, "%d of %d runs name some of %zu", named, runs, healthy[_i].count);
	ck_assert_msg(unsure <= runs / 20, "%d of %d runs are unsure of some of %zu", unsure, runs,
	    healthy[_i].count);
}
END_TEST

/* --- those with bad members ------------------------------------------------------------ */

static const struct {
	double others, bad, worse; /* of 11 flows, of 3 and of 2 */
	unsigned messages;
	int missed; /* of the 5,000 that are to be named */
} faulty[] = {
	{ 0, 0.1, 1, 300, 0 }, { 0, 0.1, 0.1, 300, 0 }, { 0, 1, 1, 20, 0 }, { 0.01, 0.1, 0.1, 400, 5 },
	{ 0.05, 0.15, 1, 1000, 5 }, { 0.05, 0.15, 0.15, 100, 5000 }, { 0.2, 0.5, 0.5, 100, 100 },
};

START_TEST(the_bad_ones_are_named_and_no_others)
{
	double losses[K];
	int missed = 0, wrong = 0;

	random_begin(_i);
	for (size_t i = 0; i < K; i++)
		losses[i] = i % 5 == 1 ? faulty[_i].bad : i % 7 == 3 && i != 3 ? faulty[_i].worse :
		    faulty[_i].others;
	for (int run = 0; run < 1000; run++) {
		simulate(K, faulty[_i].messages, losses);
		for (size_t i = 0; i < K; i++) {
			const bool is_named = flows[i].suspicion == SUSPECT_NAMED;

			missed += !is_named && losses[i] > faulty[_i].others;
			wrong += is_named && losses[i] == faulty[_i].others;
		}
	}
	ck_assert_msg(missed <= faulty[_i].missed, "%d are not named", missed);
	ck_assert_msg(wrong <= 1, "%d are named and not bad", wrong);
}
END_TEST

START_TEST(levels_are_told_apart)
{
	const uint64_t lost[] = { 0, 100, 9, 0, 0, 12, 0, 100, 0, 1, 0, 0 };
	const struct suspects found = find(12, lost);

	ck_assert_uint_eq(found.named, 4);
	ck_assert_uint_eq(found.unsure, 0);
	ck_assert(found.chance < 1e-6);
	ck_assert(flows[1].level == 2 && flows[7].level == 2);
	ck_assert(flows[2].level == 1 && flows[5].level == 1);
	ck_assert(flows[0].level == 0 && flows[9].level == 0);
	ck_assert_double_eq_tol(suspects_loss(flows, 12, 2), 1, 1e-9);
	ck_assert_double_eq_tol(suspects_loss(flows, 12, 1), 0.105, 1e-9);
	ck_assert_double_eq_tol(suspects_loss(flows, 12, 0), 1.0 / 800, 1e-9);
}
END_TEST

/* Most of them may be the bad ones. */
START_TEST(the_good_ones_may_be_few)
{
	const uint64_t lost[] = { 30, 28, 33, 0, 29, 31, 27, 35 };
	const struct suspects found = find(8, lost);

	ck_assert_uint_eq(found.named, 7);
	ck_assert_int_eq(flows[3].suspicion, SUSPECT_NONE);
}
END_TEST

/* --- what is not known -------------------------------------------------------------------- */

START_TEST(who_is_unsure_is_told_how_many_more_it_takes)
{
	const uint64_t lost[] = { 0, 0, 0, 4, 0, 0, 0, 0 };
	struct suspects found = find(8, lost);

	ck_assert_uint_eq(found.named, 0);
	ck_assert_uint_eq(found.unsure, 1);
	ck_assert_int_eq(flows[3].suspicion, SUSPECT_UNSURE);
	ck_assert(found.chance <= SUSPECTS_UNSURE && found.chance > SUSPECTS_CHANCE);
	ck_assert(found.more > 30 && found.more < 300);
	/* And so it is. */
	for (size_t i = 0; i < 8; i++)
		flows[i] = (struct suspect){ .judged = 100 + (uint64_t)found.more };
	flows[3].lost = (uint64_t)ceil(0.04 * (double)flows[3].judged);
	found = suspects_find(flows, 8);
	ck_assert_uint_eq(found.named, 1);
}
END_TEST

/* Where nothing stands out it is told what would have: and it does. */
START_TEST(what_would_be_seen_is_seen)
{
	double losses[K] = { 0 };
	const struct suspects found = simulate(K, 200, losses);
	int seen = 0;

	ck_assert(found.visible > 0.01 && found.visible < 0.1);
	ck_assert(found.needed > 200 && found.needed < 5000);
	losses[5] = found.visible;
	random_begin(1);
	for (int run = 0; run < 1000; run++) {
		simulate(K, 200, losses);
		seen += flows[5].suspicion == SUSPECT_NAMED;
	}
	ck_assert_msg(seen >= 940, "named in %d of 1000", seen);
	losses[5] = 0.01;
	seen = 0;
	for (int run = 0; run < 100; run++) {
		simulate(K, (unsigned)found.needed, losses);
		seen += flows[5].suspicion == SUSPECT_NAMED;
	}
	ck_assert_msg(seen >= 88, "named in %d of 100", seen);
}
END_TEST

START_TEST(of_nothing_nothing_is_known)
{
	const uint64_t all[] = { 100, 100, 100 };
	struct suspects found;

	for (size_t i = 0; i < 4; i++)
		flows[i] = (struct suspect){ .judged = 0 };
	found = suspects_find(flows, 4);
	ck_assert(found.named == 0 && found.unsure == 0 && found.chance == 1);
	ck_assert(found.visible > 1);
	flows[2] = (struct suspect){ .judged = 10, .lost = 10 };
	found = suspects_find(flows, 4);
	ck_assert(found.named == 0 && found.unsure == 0);
	found = suspects_find(flows, 0);
	ck_assert(found.named == 0);
	found = find(3, all);
	ck_assert(found.named == 0 && found.unsure == 0 && found.visible > 1);
	ck_assert_double_eq(suspects_loss(flows, 3, 0), 1);
}
END_TEST

/* Whatever the numbers are: those that come from odd runs. */
START_TEST(any_numbers_can_be_judged)
{
	random_begin(7);
	for (int run = 0; run < 3000; run++) {
		const size_t count = random_below(9);
		struct suspects found;

		for (size_t i = 0; i < count; i++) {
			const uint64_t most = random_once_in(4) ? UINT64_C(1) << 40 : 1000;

			flows[i].judged = random_bits() % most;
			flows[i].lost = random_once_in(3) ? 0 : random_once_in(3) ? flows[i].judged :
			    random_bits() % (flows[i].judged + 1);
		}
		found = suspects_find(flows, count);
		ck_assert(found.named + found.unsure < (count > 0 ? count : 1));
		ck_assert(found.chance >= 0 && found.chance <= 1 && found.visible > 0);
		ck_assert(found.unsure == 0 || found.more > 0);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("suspects");
	TCase *tests = tcase_create("suspects");

	tcase_add_loop_test(tests, where_all_lose_alike_none_is_named, 0,
	    sizeof(healthy) / sizeof(healthy[0]));
	tcase_add_loop_test(tests, the_bad_ones_are_named_and_no_others, 0,
	    sizeof(faulty) / sizeof(faulty[0]));
	tcase_add_test(tests, levels_are_told_apart);
	tcase_add_test(tests, the_good_ones_may_be_few);
	tcase_add_test(tests, who_is_unsure_is_told_how_many_more_it_takes);
	tcase_add_test(tests, what_would_be_seen_is_seen);
	tcase_add_test(tests, of_nothing_nothing_is_known);
	tcase_add_test(tests, any_numbers_can_be_judged);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
