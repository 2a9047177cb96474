/* What is asked for by queries, and what is said of those that are wrong. */
#include "daemon/observe/peers/query.h"

#include <stdio.h>
#include <string.h>

#include "runner.h"

static bool
parse(struct query *query, const char *text, char right[QUERY_RIGHT_SIZE])
{
	const struct http_text all = { text, strlen(text) };

	return query_parse(query, &all, right);
}

START_TEST(nothing_asks_for_all)
{
	const struct http_text none = { NULL, 0 };
	char right[QUERY_RIGHT_SIZE];
	struct query query;

	ck_assert(query_parse(&query, &none, right));
	ck_assert_str_eq(query.listener, "");
	ck_assert(!query.has_source);
	ck_assert_int_eq(query.state, CONN_STATE_COUNT);
	ck_assert_int_eq(query.sort, QUERY_BY_AGE);
	ck_assert_uint_eq(query.limit, QUERY_LIMIT);
	ck_assert(parse(&query, "", right));
	ck_assert(parse(&query, "&&", right));
}
END_TEST

START_TEST(all_of_it_together)
{
	char right[QUERY_RIGHT_SIZE];
	struct query query;

	ck_assert(parse(&query, "listener=a%26b+c&source=192.0.2.0/24&state=blocked&sort=bytes"
	    "&limit=10000", right));
	ck_assert_str_eq(query.listener, "a&b c");
	ck_assert(query.has_source);
	ck_assert_int_eq(query.state, CONN_BLOCKED);
	ck_assert_int_eq(query.sort, QUERY_BY_BYTES);
	ck_assert_uint_eq(query.limit, 10000);
}
END_TEST

START_TEST(each_state_has_a_name)
{
	char right[QUERY_RIGHT_SIZE], text[64];
	struct query query;

	for (enum conn_state state = 0; state < CONN_STATE_COUNT; state++) {
		snprintf(text, sizeof(text), "state=%s", query_state_name(state));
		ck_assert(parse(&query, text, right));
		ck_assert_int_eq(query.state, state);
	}
}
END_TEST

static const struct {
	const char *text, *right;
} wrong[] = {
	{ "limit=0", "limit: give a number from 1 to 10000" },
	{ "limit=10001", "limit: give a number from 1 to 10000" },
	{ "limit=18446744073709551617", "limit: give a number from 1 to 10000" },
	{ "limit=-1", "limit: give a number from 1 to 10000" },
	{ "limit=", "limit: give a number from 1 to 10000" },
	{ "limit=1&limit=2", "limit: give it once" },
	{ "limit", "limit: give it as limit=VALUE, encoded as in a URI" },
	{ "sort=name", "sort: give age or bytes" },
	{ "state=open", "state: give one of expected, queued, shaking, reading, paced, blocked, "
	    "flushing, lingering, closing" },
	{ "listener=", "listener: give a listener's name" },
	{ "listener=%", "listener: give it as listener=VALUE, encoded as in a URI" },
	{ "listener=%4", "listener: give it as listener=VALUE, encoded as in a URI" },
	{ "listener=%0g", "listener: give it as listener=VALUE, encoded as in a URI" },
	{ "listener=a%00b", "listener: give it as listener=VALUE, encoded as in a URI" },
	{ "peer=192.0.2.1", "give listener, source, state, sort or limit" },
	{ "=", "give listener, source, state, sort or limit" },
	{ "Limit=1", "give listener, source, state, sort or limit" },
};
#define WRONG_COUNT ((int)(sizeof(wrong) / sizeof(wrong[0])))

START_TEST(what_is_wrong_is_told)
{
	char right[QUERY_RIGHT_SIZE];
	struct query query;

	ck_assert(!parse(&query, wrong[_i].text, right));
	ck_assert_str_eq(right, wrong[_i].right);
}
END_TEST

START_TEST(a_source_that_is_none)
{
	char right[QUERY_RIGHT_SIZE];
	struct query query;

	ck_assert(!parse(&query, "source=192.0.2.300", right));
	ck_assert_int_eq(strncmp(right, "source: give ", 13), 0);
}
END_TEST

/* --- whom it covers ------------------------------------------------------------------------- */

static const struct {
	const char *text, *address; /* NULL: user 1000 */
	bool covers;
} sources[] = {
	{ "", "192.0.2.1", true },
	{ "", NULL, true },
	{ "source=192.0.2.0/24", "192.0.2.255", true },
	{ "source=192.0.2.0/24", "192.0.3.0", false },
	{ "source=192.0.2.0/24", NULL, false },
	{ "source=192.0.2.1", "192.0.2.1", true },
	{ "source=2001:db8::/32", "2001:db8::1", true },
	{ "source=2001%3adb8%3A%3A%2f32", "2001:db8::1", true },
	{ "source=2001:db8::/32", "192.0.2.1", false },
	{ "source=uid:1000", NULL, true },
	{ "source=uid:1001", NULL, false },
	{ "source=uid:1000", "192.0.2.1", false },
};
#define SOURCE_COUNT ((int)(sizeof(sources) / sizeof(sources[0])))

START_TEST(a_source_covers)
{
	struct address peer = address_of_unix_peer(1000, 1);
	char right[QUERY_RIGHT_SIZE];
	struct query query;

	if (sources[_i].address != NULL)
		ck_assert(address_parse(&peer, sources[_i].address, 7));
	ck_assert(parse(&query, sources[_i].text, right));
	ck_assert_int_eq(query_covers(&query, &peer), sources[_i].covers);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("query");
	TCase *tests = tcase_create("query");

	tcase_add_test(tests, nothing_asks_for_all);
	tcase_add_test(tests, all_of_it_together);
	tcase_add_test(tests, each_state_has_a_name);
	tcase_add_loop_test(tests, what_is_wrong_is_told, 0, WRONG_COUNT);
	tcase_add_test(tests, a_source_that_is_none);
	tcase_add_loop_test(tests, a_source_covers, 0, SOURCE_COUNT);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
