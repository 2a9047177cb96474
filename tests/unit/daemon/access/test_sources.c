/* The books of sources: their limits, what makes a source, and how many are kept. */
#include <arpa/inet.h>
#include <stdio.h>

#include "daemon/access/sources.h"
#include "runner.h"

/* A time at which the books begin: clock_ms() is any. */
#define START 123456789

static struct sources *sources;

static void
make(void)
{
	sources = sources_new();
	ck_assert_ptr_nonnull(sources);
}

static void
dispose(void)
{
	sources_free(sources);
}

static struct address
ipv4(uint32_t host)
{
	struct address address = { .in4.sin_family = AF_INET };

	address.in4.sin_addr.s_addr = htonl(host);
	return address;
}

static struct address
parse(const char *text)
{
	struct address address;

	ck_assert(address_parse(&address, text, 7));
	return address;
}

static enum source_verdict
enter(const char *text, int64_t now)
{
	const struct address peer = parse(text);

	return sources_enter(sources, &peer, now);
}

static void
leave(const char *text, int64_t now)
{
	const struct address peer = parse(text);

	sources_leave(sources, &peer, now);
}

/* --- limits ----------------------------------------------------------------------------- */

START_TEST(no_limits)
{
	for (uint32_t i = 0; i < 1000; i++)
		ck_assert_int_eq(enter("192.0.2.1", START), SOURCE_ENTERED);
	ck_assert_uint_eq(sources_count(sources), 1);
	/* A limit that comes later knows them all. */
	sources_set_limits(sources, 1000, 0);
	ck_assert_int_eq(enter("192.0.2.1", START), SOURCE_FULL);
	for (uint32_t i = 0; i < 1000; i++)
		leave("192.0.2.1", START);
	ck_assert_uint_eq(sources_count(sources), 0);
}
END_TEST

START_TEST(a_loopback_address_may_have_as_many_as_it_likes)
{
	static const char *const loopback[] = { "127.0.0.1", "127.255.255.255", "::1",
		"::ffff:127.0.0.1" };
	static const char *const others[] = { "126.255.255.255", "128.0.0.0", "::2",
		"::ffff:128.0.0.1", "fe80::1" };

	sources_set_limits(sources, 2, 0);
	for (size_t i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++)
		for (int n = 0; n < 1000; n++)
			ck_assert_int_eq(enter(loopback[i], START), SOURCE_ENTERED);
	sources_set_limits(sources, 1, 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (i != 2) /* of the /64 of ::1 */
			ck_assert_int_eq(enter(others[i], START), SOURCE_ENTERED);
		ck_assert_int_eq(enter(others[i], START), SOURCE_FULL);
	}
	/* What it has limits how fast it opens them. */
	sources_set_limits(sources, 1, 5);
	for (int n = 0; n < 5; n++)
		ck_assert_int_eq(enter("127.0.0.1", START), SOURCE_ENTERED);
	ck_assert_int_eq(enter("127.0.0.1", START), SOURCE_FAST);
}
END_TEST

START_TEST(who_has_most)
{
	struct source_name most;
	char text[SOURCE_NAME_TEXT_SIZE];

	ck_assert_uint_eq(sources_find_most(sources, &most), 0);
	for (uint32_t i = 0; i < 500; i++) {
		const struct address peer = ipv4(0xc0000200 + i);

		ck_assert_int_eq(sources_enter(sources, &peer, START), SOURCE_ENTERED);
	}
	for (int n = 0; n < 3; n++)
		enter("2001:db8::1", START);
	enter("127.0.0.1", START);
	enter("127.0.0.1", START);
	ck_assert_uint_eq(sources_find_most(sources, &most), 3);
	ck_assert_str_eq(source_name_format(most, text), "2001:db8::/64");
	leave("2001:db8::2", START);
	leave("2001:db8::2", START);
	ck_assert_uint_eq(sources_find_most(sources, &most), 2);
	ck_assert_str_eq(source_name_format(most, text), "127.0.0.1");
}
END_TEST

START_TEST(connections)
{
	sources_set_limits(sources, 2, 0);
	ck_assert_int_eq(enter("192.0.2.1", START), SOURCE_ENTERED);
	ck_assert_int_eq(enter("192.0.2.1", START), SOURCE_ENTERED);
	ck_assert_int_eq(enter("192.0.2.1", START), SOURCE_FULL);
	ck_assert_int_eq(enter("192.0.2.2", START), SOURCE_ENTERED);
	leave("192.0.2.1", START);
	ck_assert_int_eq(enter("192.0.2.1", START), SOURCE_ENTERED);
	ck_assert_int_eq(enter("192.0.2.1", START + 100000), SOURCE_FULL);
	ck_assert_uint_eq(sources_count(sources), 2);
	leave("192.0.2.1", START);
	leave("192.0.2.1", START);
	leave("192.0.2.2", START);
	ck_assert_uint_eq(sources_count(sources), 0);
}
END_TEST

START_TEST(rate)
{
	sources_set_limits(sources, 0, 10);
	/* A second's worth at once, and then one each 100 ms, however short they are. */
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(enter("192.0.2.1", START), SOURCE_ENTERED);
		leave("192.0.2.1", START);
	}
	ck_assert_int_eq(enter("192.0.2.1", START), SOURCE_FAST);
	ck_assert_int_eq(enter("192.0.2.2", START), SOURCE_ENTERED);
	for (int i = 0; i < 1000; i++) /* those refused cost nothing */
		ck_assert_int_eq(enter("192.0.2.1", START + 99), SOURCE_FAST);
	ck_assert_int_eq(enter("192.0.2.1", START + 100), SOURCE_ENTERED);
	ck_assert_int_eq(enter("192.0.2.1", START + 100), SOURCE_FAST);
	ck_assert_int_eq(enter("192.0.2.1", START + 300), SOURCE_ENTERED);
	ck_assert_int_eq(enter("192.0.2.1", START + 300), SOURCE_ENTERED);
	ck_assert_int_eq(enter("192.0.2.1", START + 300), SOURCE_FAST);
	/* An hour of silence is worth no more than a second. */
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(enter("192.0.2.1", START + 3600000), SOURCE_ENTERED);
	ck_assert_int_eq(enter("192.0.2.1", START + 3600000), SOURCE_FAST);
}
END_TEST

START_TEST(every_rate_has_its_burst)
{
	static const int rates[] = { 1, 2, 3, 7, 60, 999, 1000, 1001, 30000, 1000000 };

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		const struct address peer = ipv4((uint32_t)i);
		int entered = 0;

		sources_set_limits(sources, 0, rates[i]);
		while (sources_enter(sources, &peer, START) == SOURCE_ENTERED)
			entered++;
		ck_assert_int_eq(entered, rates[i]);
	}
}
END_TEST

START_TEST(new_limits_hold_at_once)
{
	sources_set_limits(sources, 5, 0);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(enter("192.0.2.1", START), SOURCE_ENTERED);
	sources_set_limits(sources, 3, 0);
	leave("192.0.2.1", START);
	ck_assert_int_eq(enter("192.0.2.1", START), SOURCE_FULL);
	sources_set_limits(sources, 6, 2);
	ck_assert_int_eq(enter("192.0.2.1", START), SOURCE_ENTERED);
	ck_assert_int_eq(enter("192.0.2.1", START), SOURCE_ENTERED);
	ck_assert_int_eq(enter("192.0.2.1", START), SOURCE_FULL);
	sources_set_limits(sources, 0, 2);
	ck_assert_int_eq(enter("192.0.2.1", START), SOURCE_FAST);
	sources_set_limits(sources, 0, 0);
	ck_assert_int_eq(enter("192.0.2.1", START), SOURCE_ENTERED);
	for (int i = 0; i < 7; i++)
		leave("192.0.2.1", START);
	ck_assert_uint_eq(sources_count(sources), 0);
}
END_TEST

/* --- what a source is -------------------------------------------------------------------- */

START_TEST(a_source_is_a_64_of_ipv6)
{
	struct sockaddr_in6 mapped = { .sin6_family = AF_INET6 };
	struct address peer;

	sources_set_limits(sources, 1, 0);
	ck_assert_int_eq(enter("2001:db8:0:1::1", START), SOURCE_ENTERED);
	ck_assert_int_eq(enter("2001:db8:0:1:ffff:ffff:ffff:ffff", START), SOURCE_FULL);
	ck_assert_int_eq(enter("2001:db8:0:2::1", START), SOURCE_ENTERED);
	/* The same bits are another source in the other family. */
	ck_assert_int_eq(enter("::2", START), SOURCE_ENTERED);
	ck_assert_int_eq(enter("0.0.0.0", START), SOURCE_ENTERED);
	/* What a listener of both gives for IPv4 is not all one /64. */
	ck_assert_int_eq(enter("192.0.2.1", START), SOURCE_ENTERED);
	ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:192.0.2.1", &mapped.sin6_addr), 1);
	address_from_sockaddr(&peer, (struct sockaddr *)&mapped, sizeof(mapped));
	ck_assert_int_eq(sources_enter(sources, &peer, START), SOURCE_FULL);
	ck_assert_int_eq(enter("::ffff:192.0.2.2", START), SOURCE_ENTERED);
	/* All hosts of a link have one /64 in common: fe80::. */
	ck_assert_int_eq(enter("fe80::1", START), SOURCE_ENTERED);
	ck_assert_int_eq(enter("fe80::2", START), SOURCE_ENTERED);
	ck_assert_int_eq(enter("fe80::1", START), SOURCE_FULL);
}
END_TEST

/* --- how many are kept ---------------------------------------------------------------------- */

START_TEST(open_ones_are_all_kept)
{
	const uint32_t count = 50000;

	sources_set_limits(sources, 1, 5);
	for (uint32_t i = 0; i < count; i++) {
		const struct address peer = ipv4(i);

		ck_assert_int_eq(sources_enter(sources, &peer, START), SOURCE_ENTERED);
	}
	ck_assert_uint_eq(sources_count(sources), count);
	for (uint32_t i = 0; i < count; i++) {
		const struct address peer = ipv4(i);

		ck_assert_int_eq(sources_enter(sources, &peer, START), SOURCE_FULL);
	}
	for (uint32_t i = 0; i < count; i++) {
		const struct address peer = ipv4(i);

		sources_leave(sources, &peer, START + 1000);
	}
	ck_assert_uint_eq(sources_count(sources), 0);
}
END_TEST

static void
visit(uint32_t host, int64_t now)
{
	const struct address peer = ipv4(host);

	ck_assert_int_eq(sources_enter(sources, &peer, now), SOURCE_ENTERED);
	sources_leave(sources, &peer, now);
}

START_TEST(the_least_recent_is_forgotten_first)
{
	const uint32_t count = 1000000;
	struct address peer;

	sources_set_limits(sources, 1, 1);
	for (uint32_t i = 0; i < count; i++) {
		visit(i, START);
		ck_assert_uint_le(sources_count(sources), SOURCES_IDLE_MAX + 1);
	}
	ck_assert_uint_eq(sources_count(sources), SOURCES_IDLE_MAX);
	/* The last are remembered, up to the bound; those before are not. */
	for (uint32_t i = count - SOURCES_IDLE_MAX; i < count; i++) {
		peer = ipv4(i);
		ck_assert_int_eq(sources_enter(sources, &peer, START), SOURCE_FAST);
	}
	visit(count - SOURCES_IDLE_MAX - 1, START);
	/* An open one is never forgotten. */
	ck_assert_int_eq(enter("192.0.2.1", START), SOURCE_ENTERED);
	for (uint32_t i = 0; i < 2 * SOURCES_IDLE_MAX; i++)
		visit(i, START + 1);
	ck_assert_int_eq(enter("192.0.2.1", START + 1), SOURCE_FULL);
}
END_TEST

START_TEST(one_that_came_back_is_not_forgotten)
{
	const uint32_t back = 0xc0000201;
	const struct address peer = ipv4(back);

	sources_set_limits(sources, 1, 2);
	visit(back, START);
	ck_assert_int_eq(sources_enter(sources, &peer, START), SOURCE_ENTERED);
	for (uint32_t i = 0; i < 2 * SOURCES_IDLE_MAX; i++)
		visit(i, START);
	ck_assert_int_eq(sources_enter(sources, &peer, START + 5000), SOURCE_FULL);
}
END_TEST

START_TEST(after_a_second_nothing_is_kept)
{
	sources_set_limits(sources, 0, 1);
	for (uint32_t i = 0; i < 10000; i++)
		visit(i, START);
	ck_assert_uint_eq(sources_count(sources), 10000);
	for (uint32_t i = 0; i < 10000; i++)
		visit(10000, START + 1000 + (int64_t)i * 1000);
	ck_assert_uint_le(sources_count(sources), 1);
}
END_TEST

/* --- from one process to another ----------------------------------------------------------- */

static struct sources *next;

static int
hand_on(void *arg, struct source_name source, int64_t paid)
{
	*(size_t *)arg += 1;
	ck_assert(sources_adopt(next, source, paid));
	return 0;
}

/* What it has used up of its rate is used up there, to the connection. */
START_TEST(a_rate_goes_on)
{
	size_t count = 0;

	next = sources_new();
	sources_set_limits(sources, 0, 10);
	sources_set_limits(next, 0, 10);
	for (int i = 0; i < 7; i++)
		ck_assert_int_eq(enter("192.0.2.1", START), SOURCE_ENTERED);
	ck_assert_int_eq(enter("192.0.2.2", START - 2000), SOURCE_ENTERED); /* it counts no more */
	ck_assert_int_eq(sources_pack(sources, START, hand_on, &count), 0);
	ck_assert_uint_eq(count, 1);
	sources_free(sources);
	sources = next;
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(enter("192.0.2.1", START), SOURCE_ENTERED);
	ck_assert_int_eq(enter("192.0.2.1", START), SOURCE_FAST);
}
END_TEST

/* Those that are there are there, whatever is allowed by now, and go like others. */
START_TEST(connections_go_on_beyond_a_lower_limit)
{
	const struct address peer = parse("192.0.2.1");

	sources_set_limits(sources, 2, 1);
	for (int i = 0; i < 5; i++)
		ck_assert(sources_adopt_open(sources, &peer));
	for (int left = 5; left >= 2; left--) {
		ck_assert_int_eq(enter("192.0.2.1", START), SOURCE_FULL);
		leave("192.0.2.1", START);
	}
	ck_assert_int_eq(enter("192.0.2.1", START), SOURCE_ENTERED);
	leave("192.0.2.1", START + 5000);
	leave("192.0.2.1", START + 5000);
	ck_assert_uint_eq(sources_count(sources), 0);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_rate_goes_on);
	tcase_add_test(tcase, connections_go_on_beyond_a_lower_limit);
	tcase_add_test(tcase, no_limits);
	tcase_add_test(tcase, a_loopback_address_may_have_as_many_as_it_likes);
	tcase_add_test(tcase, who_has_most);
	tcase_add_test(tcase, connections);
	tcase_add_test(tcase, rate);
	tcase_add_test(tcase, every_rate_has_its_burst);
	tcase_add_test(tcase, new_limits_hold_at_once);
	tcase_add_test(tcase, a_source_is_a_64_of_ipv6);
	tcase_add_test(tcase, open_ones_are_all_kept);
	tcase_add_test(tcase, the_least_recent_is_forgotten_first);
	tcase_add_test(tcase, one_that_came_back_is_not_forgotten);
	tcase_add_test(tcase, after_a_second_nothing_is_kept);
}

int
main(void)
{
	Suite *suite = suite_create("sources");
	TCase *tcase = tcase_create("sources");

	tcase_add_checked_fixture(tcase, make, dispose);
	tcase_set_timeout(tcase, 60);
	add_tests(tcase);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
