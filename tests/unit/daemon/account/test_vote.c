/* The source that had most: it leads, in whatever order and however many votes are added up. */
#include "daemon/account/vote.h"

#include "net/address.h"
#include "random.h"
#include "runner.h"

#define SOURCES 50
#define CASTS 1000
#define VOTES 4

static struct source_name
source(const char *text)
{
	struct address address;

	ck_assert(address_parse(&address, text, 7));
	return source_name(&address);
}

static struct source_name
numbered(uint64_t number)
{
	return (struct source_name){ number, SOURCE_IPV4 };
}

static void
assert_leads(const struct vote *vote, struct source_name name)
{
	ck_assert_ptr_nonnull(vote_leader(vote));
	ck_assert(source_name_equal(vote_leader(vote)->source, name));
}

START_TEST(nobody_leads_at_first)
{
	struct vote vote = { .total = 0 };
	const struct vote nothing = { .total = 0 };

	vote_merge(&vote, &nothing);
	ck_assert_ptr_null(vote_leader(&vote));
	vote_abstain(&vote);
	ck_assert_ptr_null(vote_leader(&vote));
	ck_assert_uint_eq(vote.total, 1);
	vote_cast(&vote, source("192.0.2.1"));
	assert_leads(&vote, source("192.0.2.1"));
	ck_assert_uint_eq(vote.total, 2);
}
END_TEST

/* 0.0.0.0 is what all zero looks like. */
START_TEST(any_source_may_lead)
{
	static const char *const texts[] = { "0.0.0.0", "255.255.255.255", "::", "::1", "fe80::1",
		"2001:db8::1" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct vote vote = { .total = 0 };

		vote_cast(&vote, source("192.0.2.1"));
		for (int n = 0; n < 2; n++)
			vote_cast(&vote, source(texts[i]));
		assert_leads(&vote, source(texts[i]));
	}
}
END_TEST

/* As many as there are candidates, in any order: what each had is known exactly. */
START_TEST(of_few_the_one_with_most_leads)
{
	const uint64_t winner = (unsigned)_i % VOTE_CANDIDATES;
	struct vote votes[VOTES] = { { .total = 0 } }, sum = { .total = 0 };
	uint64_t left[VOTE_CANDIDATES], total = 0;

	random_begin(_i);
	for (size_t i = 0; i < VOTE_CANDIDATES; i++)
		total += left[i] = i == winner ? 51 : 50;
	for (uint64_t cast = 0; cast < total; cast++) {
		size_t i = random_below(VOTE_CANDIDATES);

		while (left[i] == 0)
			i = (i + 1) % VOTE_CANDIDATES;
		left[i]--;
		vote_cast(&votes[random_below(VOTES)], numbered(i));
	}
	for (size_t i = 0; i < VOTES; i++)
		vote_merge(&sum, &votes[i]);
	assert_leads(&sum, numbered(winner));
	ck_assert_uint_eq(vote_leader(&sum)->votes, 51);
	ck_assert_uint_eq(sum.total, total);
}
END_TEST

/* One more than there are candidates: none of them had more than the others. */
START_TEST(many_that_are_even_do_not_lead)
{
	struct vote vote = { .total = 0 };

	for (unsigned i = 0; i < 100 * (VOTE_CANDIDATES + 1); i++)
		vote_cast(&vote, numbered(i % (VOTE_CANDIDATES + 1)));
	ck_assert_ptr_null(vote_leader(&vote));
	ck_assert_uint_eq(vote.total, 100 * (VOTE_CANDIDATES + 1));
}
END_TEST

/* Over votes of several workers, which are added up in any order. */
START_TEST(who_has_more_than_half_leads)
{
	struct vote votes[VOTES] = { { .total = 0 } }, sum = { .total = 0 };
	uint64_t own = 0;

	random_begin(_i);
	for (int i = 0; i < CASTS; i++) {
		/* The last casts are the winner's, as far as it lacks some. */
		const bool is_own = own + (unsigned)(CASTS - i) <= CASTS / 2 + 1 || random_once_in(3);
		const bool may = own <= CASTS / 2;

		own += is_own && may;
		vote_cast(&votes[random_below(VOTES)],
		    numbered(is_own && may ? 0 : 1 + random_below(SOURCES)));
	}
	ck_assert_uint_eq(own, CASTS / 2 + 1);
	for (size_t i = 0; i < VOTES; i++)
		vote_merge(&sum, &votes[(i + (unsigned)_i) % VOTES]);
	ck_assert_uint_eq(sum.total, CASTS);
	assert_leads(&sum, numbered(0));
}
END_TEST

static const struct name_case {
	const char *peer, *text;
} names[] = {
	{ "192.0.2.1", "192.0.2.1" },
	{ "0.0.0.0", "0.0.0.0" },
	{ "::ffff:192.0.2.1", "192.0.2.1" },
	{ "2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64" },
	{ "::1", "::1" },
	{ "fe80::a:b:c:d", "fe80::a:b:c:d" },
	{ "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8:ffff:ffff::/64" },
};

START_TEST(a_source_has_a_text)
{
	char text[SOURCE_NAME_TEXT_SIZE];

	ck_assert_str_eq(source_name_format(source(names[_i].peer), text), names[_i].text);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("vote");
	TCase *tests = tcase_create("vote");

	tcase_add_test(tests, nobody_leads_at_first);
	tcase_add_test(tests, any_source_may_lead);
	tcase_add_loop_test(tests, of_few_the_one_with_most_leads, 0, 20);
	tcase_add_test(tests, many_that_are_even_do_not_lead);
	tcase_add_loop_test(tests, who_has_more_than_half_leads, 0, 20);
	tcase_add_loop_test(tests, a_source_has_a_text, 0, sizeof(names) / sizeof(names[0]));
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
