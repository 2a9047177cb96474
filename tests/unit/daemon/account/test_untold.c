/* What the log has not told yet: a line in a period, and nothing is left out or told twice. */
#include "daemon/account/ledger.h"
#include "daemon/account/untold.h"

#include "runner.h"

static struct untold untold;
static struct vote told;

static const struct source_name greedy = { 1, SOURCE_IPV4 }, other = { 2, SOURCE_IPV4 };

static void
begin(void)
{
	untold = (struct untold){ .next = 0 };
}

START_TEST(the_first_has_its_own_line)
{
	/* The clock may begin at 0. */
	ck_assert(untold_allows(&untold, 0));
	ck_assert(!untold_allows(&untold, LOG_LIMIT_PERIOD - 1));
	ck_assert(!untold_settle(&untold, LOG_LIMIT_PERIOD, &told));
	ck_assert(untold_allows(&untold, LOG_LIMIT_PERIOD));
}
END_TEST

START_TEST(what_follows_is_told_at_the_end_of_the_period)
{
	ck_assert(untold_allows(&untold, 5));
	for (int i = 0; i < 3; i++)
		vote_cast(&untold.vote, greedy);
	vote_cast(&untold.vote, other);
	ck_assert(!untold_settle(&untold, 4 + LOG_LIMIT_PERIOD, &told));
	ck_assert_int_eq(untold.next, 5 + LOG_LIMIT_PERIOD);
	ck_assert(untold_settle(&untold, 5 + LOG_LIMIT_PERIOD, &told));
	ck_assert_uint_eq(told.total, 4);
	ck_assert(source_name_equal(vote_leader(&told)->source, greedy));
	/* It was a line: the next is in the next period, and has none of this one's. */
	ck_assert(!untold_allows(&untold, 4 + 2 * LOG_LIMIT_PERIOD));
	vote_cast(&untold.vote, other);
	ck_assert(!untold_settle(&untold, 4 + 2 * LOG_LIMIT_PERIOD, &told));
	ck_assert(untold_settle(&untold, 5 + 2 * LOG_LIMIT_PERIOD, &told));
	ck_assert_uint_eq(told.total, 1);
	ck_assert(source_name_equal(vote_leader(&told)->source, other));
}
END_TEST

START_TEST(a_minute_of_it_has_a_line_in_a_period)
{
	uint64_t lines = 0, count = 0;

	for (int64_t now = 0; now < 6 * LOG_LIMIT_PERIOD; now += 50) {
		if (untold_settle(&untold, now, &told)) {
			lines++;
			count += told.total;
		}
		vote_cast(&untold.vote, greedy);
	}
	ck_assert_uint_le(lines, 6);
	ck_assert_uint_eq(count + untold.vote.total, 6 * LOG_LIMIT_PERIOD / 50);
}
END_TEST

/* --- of a ledger -------------------------------------------------------------------------- */

static int64_t expected;
static unsigned expectations;

static void
note(struct census *census, int64_t due)
{
	(void)census;
	expected = due;
	expectations++;
}

START_TEST(refusals_by_reason)
{
	struct ledger *ledger = ledger_new("echo", 1);
	struct address peer;

	ck_assert_ptr_nonnull(ledger);
	ledger->expect = note;
	ck_assert(address_parse(&peer, "192.0.2.1", 7));
	ck_assert(ledger_refuse(ledger, REFUSE_DENIED, &peer, 1000));
	ck_assert_uint_eq(expectations, 0);
	ck_assert(!ledger_refuse(ledger, REFUSE_DENIED, &peer, 1001));
	ck_assert_int_eq(expected, 1000 + LOG_LIMIT_PERIOD);
	/* One reason has nothing to do with another. */
	ck_assert(ledger_refuse(ledger, REFUSE_SOURCE_RATE, &peer, 1002));
	/* One of nobody is told with others at once. */
	ck_assert(!ledger_refuse(ledger, REFUSE_ABORTED, NULL, 1003));
	ck_assert_int_le(expected, 1003);
	ck_assert_ptr_null(vote_leader(&ledger->refusals[REFUSE_ABORTED].vote));
	ck_assert_uint_eq(ledger_total(ledger, ROW_REFUSED), 4);
	ledger_release(ledger);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("untold");
	TCase *tests = tcase_create("untold");

	tcase_add_checked_fixture(tests, begin, NULL);
	tcase_add_test(tests, the_first_has_its_own_line);
	tcase_add_test(tests, what_follows_is_told_at_the_end_of_the_period);
	tcase_add_test(tests, a_minute_of_it_has_a_line_in_a_period);
	tcase_add_test(tests, refusals_by_reason);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
