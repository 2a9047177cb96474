/*
 * The guard of datagrams: verdicts by the rows of tests/cases/guard, of which one more needs no
 * C; budgets by a clock of the test's own.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/datagram/guard.h"
#include "runner.h"

#define SECOND UINT64_C(1000000000)
#define MILLISECOND UINT64_C(1000000)
#define LOOPBACK 1
#define ETHERNET 2

static struct guard *guard;
static struct guard_rules rules;

static void
set_up(void)
{
	memset(&rules, 0, sizeof(rules));
	rules.max_datagram = 65507;
	guard_refuse(&rules, 0, 1023);
	guard_refuse(&rules, 2049, 2049);
	guard_refuse(&rules, 10007, 10007);
	guard_refuse(&rules, 65535, 65535);
	guard = guard_new();
	ck_assert_ptr_nonnull(guard);
	guard_set(guard, &rules);
}

static void
tear_down(void)
{
	guard_free(guard);
}

/* "pass", or the reason. */
static const char *
verdict(const struct arrival *arrival, uint64_t now)
{
	enum drop_reason why;

	return guard_passes(guard, arrival, now, &why) ? "pass" : drop_reason_names[why];
}

/* --- the rows ------------------------------------------------------------------------ */

struct row {
	char source[64], asked[64], specific[64], interface[8], verdict[32];
	unsigned port;
};

static void
check_v4(const struct row *row, struct arrival *arrival, unsigned index, const char *where)
{
	/* As a dual-stack socket has it: IPv6's own word beside that of IPv4. */
	const struct in6_pktinfo mapped = { .ipi6_ifindex = ETHERNET };
	struct in_pktinfo told = { .ipi_ifindex = (int)index };

	ck_assert_int_eq(inet_pton(AF_INET, row->asked, &told.ipi_addr), 1);
	ck_assert_int_eq(inet_pton(AF_INET, row->specific, &told.ipi_spec_dst), 1);
	arrival->told4 = &told;
	ck_assert_msg(strcmp(verdict(arrival, SECOND), row->verdict) == 0, "%s: %s", where,
	    verdict(arrival, SECOND));
	arrival->told6 = &mapped;
	ck_assert_msg(strcmp(verdict(arrival, SECOND), row->verdict) == 0, "%s, dual-stack: %s",
	    where, verdict(arrival, SECOND));
}

static void
check_v6(const struct row *row, struct arrival *arrival, unsigned index, const char *where)
{
	struct in6_pktinfo told = { .ipi6_ifindex = index };

	ck_assert_str_eq(row->specific, "-");
	ck_assert_int_eq(inet_pton(AF_INET6, row->asked, &told.ipi6_addr), 1);
	arrival->told6 = &told;
	ck_assert_msg(strcmp(verdict(arrival, SECOND), row->verdict) == 0, "%s: %s", where,
	    verdict(arrival, SECOND));
}

static void
check_line(const char *line, const char *where)
{
	struct arrival arrival = { .size = 1 };
	struct row row;
	unsigned index;

	ck_assert_msg(sscanf(line, "%63s %u %63s %63s %7s %31s", row.source, &row.port, row.asked,
	    row.specific, row.interface, row.verdict) == 6, "%s: six fields are wanted", where);
	ck_assert_msg(row.port <= UINT16_MAX &&
	    address_parse(&arrival.source, row.source, (uint16_t)row.port), "%s: no source", where);
	index = strcmp(row.interface, "lo") == 0 ? LOOPBACK : ETHERNET;
	ck_assert_msg(index == LOOPBACK || strcmp(row.interface, "eth") == 0,
	    "%s: no interface", where);
	if (strchr(row.asked, ':') == NULL)
		check_v4(&row, &arrival, index, where);
	else
		check_v6(&row, &arrival, index, where);
}

/* Returns how many rows there are in the file. */
static int
check_file(const char *folder, const char *name)
{
	char path[8192], line[256], where[1024];
	int count = 0, number = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), file) != NULL) {
		number++;
		line[strcspn(line, "\n")] = '\0';
		if (*line == '\0' || *line == '#')
			continue;
		snprintf(where, sizeof(where), "%s:%d: %s", name, number, line);
		check_line(line, where);
		count++;
	}
	fclose(file);
	return count;
}

START_TEST(the_rows_hold)
{
	const char *srcdir = getenv("srcdir");
	char folder[4096];
	struct dirent *entry;
	int count = 0;
	DIR *all;

	snprintf(folder, sizeof(folder), "%s/tests/cases/guard", srcdir != NULL ? srcdir : ".");
	all = opendir(folder);
	ck_assert_ptr_nonnull(all);
	while ((entry = readdir(all)) != NULL)
		if (entry->d_name[0] != '.')
			count += check_file(folder, entry->d_name);
	closedir(all);
	ck_assert_int_gt(count, 80);
}
END_TEST

/* --- other verdicts -------------------------------------------------------------------- */

static struct arrival
arrival_from(const char *source)
{
	struct arrival arrival = { .size = 1 };

	ck_assert(address_parse(&arrival.source, source, 40000));
	return arrival;
}

START_TEST(nothing_passes_before_there_are_rules)
{
	const struct arrival arrival = arrival_from("192.0.2.1");
	struct guard *fresh = guard_new();
	enum drop_reason why;

	ck_assert(!guard_passes(fresh, &arrival, SECOND, &why));
	guard_free(fresh);
}
END_TEST

START_TEST(no_port_is_refused_whatever_the_rules)
{
	struct arrival arrival = arrival_from("192.0.2.1");

	memset(rules.refused_ports, 0, sizeof(rules.refused_ports));
	guard_set(guard, &rules);
	address_set_port(&arrival.source, 7);
	ck_assert_str_eq(verdict(&arrival, SECOND), "pass");
	address_set_port(&arrival.source, 0);
	ck_assert_str_eq(verdict(&arrival, SECOND), "source_port");
}
END_TEST

START_TEST(new_rules_replace_the_old)
{
	struct arrival arrival = arrival_from("192.0.2.1");

	address_set_port(&arrival.source, 10007);
	ck_assert_str_eq(verdict(&arrival, SECOND), "source_port");
	memset(rules.refused_ports, 0, sizeof(rules.refused_ports));
	guard_refuse(&rules, 40000, 65535);
	guard_set(guard, &rules);
	ck_assert_str_eq(verdict(&arrival, SECOND), "pass");
	address_set_port(&arrival.source, 65535);
	ck_assert_str_eq(verdict(&arrival, SECOND), "source_port");
}
END_TEST

START_TEST(a_source_of_no_family_is_none)
{
	const struct arrival arrival = { .source.sa.sa_family = AF_UNIX, .size = 1 };

	ck_assert_str_ne(verdict(&arrival, SECOND), "pass");
}
END_TEST

START_TEST(size_is_limited)
{
	struct arrival arrival = arrival_from("192.0.2.1");

	arrival.size = 65507;
	ck_assert_str_eq(verdict(&arrival, SECOND), "pass");
	rules.max_datagram = 100;
	guard_set(guard, &rules);
	arrival.size = 100;
	ck_assert_str_eq(verdict(&arrival, SECOND), "pass");
	arrival.size = 101;
	ck_assert_str_eq(verdict(&arrival, SECOND), "size");
}
END_TEST

/* What is denied pays nothing, so that it uses up no budget of all. */
START_TEST(the_access_list_decides)
{
	char right[PREFIX_RIGHT_SIZE];
	struct rule rule;
	const struct rule_list deny = { &rule, 1 }, allow = { NULL, 0 };
	struct acl *acl;
	struct arrival denied = arrival_from("::ffff:192.0.2.1");
	struct arrival allowed = arrival_from("192.0.3.1");

	ck_assert(rule_parse(&rule, "192.0.2.0/24", right));
	acl = acl_new(&allow, &deny);
	ck_assert_ptr_nonnull(acl);
	denied.acl = allowed.acl = acl;
	rules.rate = 1;
	guard_set(guard, &rules);
	ck_assert_str_eq(verdict(&denied, SECOND), "denied");
	ck_assert_str_eq(verdict(&allowed, SECOND), "pass");
	ck_assert_str_eq(verdict(&allowed, SECOND), "rate");
	acl_release(acl);
}
END_TEST

/* --- budgets ---------------------------------------------------------------------------- */

/* How many of `count` datagrams that come at once pass; the others must be told `reason`. */
static unsigned
pass_at(const char *source, uint64_t now, unsigned count, const char *reason)
{
	const struct arrival arrival = arrival_from(source);
	unsigned passed = 0;

	while (count-- > 0) {
		const char *is = verdict(&arrival, now);

		if (strcmp(is, "pass") == 0)
			passed++;
		else
			ck_assert_str_eq(is, reason);
	}
	return passed;
}

static unsigned
pass_of_source(const char *source, uint64_t now, unsigned count)
{
	return pass_at(source, now, count, "source_rate");
}

static void
set_rates(unsigned source_rate, unsigned rate)
{
	rules.source_rate = source_rate;
	rules.rate = rate;
	guard_set(guard, &rules);
}

START_TEST(without_rates_all_pass)
{
	ck_assert_uint_eq(pass_of_source("192.0.2.1", SECOND, 100000), 100000);
}
END_TEST

/* A quarter of a second's worth at once, then the rate; what is not used is not saved up. */
START_TEST(a_source_has_its_rate)
{
	uint64_t now = SECOND;
	unsigned passed = 0;

	set_rates(1000, 0);
	ck_assert_uint_eq(pass_of_source("192.0.2.1", now, 1000), 250);
	for (int i = 0; i < 10000; i++) {
		now += MILLISECOND;
		passed += pass_of_source("192.0.2.1", now, 10);
	}
	ck_assert_uint_eq(passed, 10000);
	ck_assert_uint_eq(pass_of_source("192.0.2.1", now + 3600 * SECOND, 1000), 250);
}
END_TEST

START_TEST(who_keeps_to_the_rate_loses_none)
{
	set_rates(1000, 0);
	for (uint64_t i = 0; i < 5000; i++)
		ck_assert_uint_eq(pass_of_source("192.0.2.1", SECOND + i * MILLISECOND, 1), 1);
}
END_TEST

/* A clock in steps, as the kernel's coarse one, is no loss: a burst covers them. */
START_TEST(a_coarse_clock_is_fine)
{
	unsigned passed = 0;

	set_rates(1000, 0);
	for (uint64_t i = 0; i < 1000; i++)
		passed += pass_of_source("192.0.2.1", SECOND + i * 10 * MILLISECOND, 10);
	ck_assert_uint_eq(passed, 10000);
}
END_TEST

START_TEST(a_low_rate_lets_one_pass_at_a_time)
{
	set_rates(1, 0);
	ck_assert_uint_eq(pass_of_source("192.0.2.1", SECOND, 10), 1);
	ck_assert_uint_eq(pass_of_source("192.0.2.1", 2 * SECOND - 1, 10), 0);
	ck_assert_uint_eq(pass_of_source("192.0.2.1", 2 * SECOND, 10), 1);
}
END_TEST

START_TEST(sources_have_budgets_of_their_own)
{
	set_rates(1000, 0);
	ck_assert_uint_eq(pass_of_source("192.0.2.1", SECOND, 1000), 250);
	ck_assert_uint_eq(pass_of_source("192.0.2.2", SECOND, 1000), 250);
	ck_assert_uint_eq(pass_of_source("2001:db8::1", SECOND, 1000), 250);
	ck_assert_uint_eq(pass_of_source("2001:db8:0:1::1", SECOND, 1000), 250);
	ck_assert_uint_eq(pass_of_source("fe80::1", SECOND, 1000), 250);
	ck_assert_uint_eq(pass_of_source("fe80::2", SECOND, 1000), 250);
}
END_TEST

START_TEST(a_64_is_one_source)
{
	set_rates(1000, 0);
	ck_assert_uint_eq(pass_of_source("2001:db8::1", SECOND, 200), 200);
	ck_assert_uint_eq(pass_of_source("2001:db8::ffff:1:2:3", SECOND, 200), 50);
}
END_TEST

START_TEST(ports_and_mapped_addresses_are_one_source)
{
	struct arrival arrival = arrival_from("192.0.2.1");

	set_rates(1000, 0);
	ck_assert_uint_eq(pass_of_source("::ffff:192.0.2.1", SECOND, 250), 250);
	address_set_port(&arrival.source, 50000);
	ck_assert_str_eq(verdict(&arrival, SECOND), "source_rate");
}
END_TEST

START_TEST(all_together_have_a_rate)
{
	set_rates(1000, 1200);
	ck_assert_uint_eq(pass_at("192.0.2.1", SECOND, 249, "rate"), 249);
	ck_assert_uint_eq(pass_at("192.0.2.2", SECOND, 100, "rate"), 51);
	ck_assert_uint_eq(pass_at("192.0.2.3", SECOND, 100, "rate"), 0);
}
END_TEST

/* What a source may not send is not on the account of all. */
START_TEST(one_source_cannot_use_up_the_rate_of_all)
{
	set_rates(1000, 2000);
	ck_assert_uint_eq(pass_at("192.0.2.1", SECOND, 100000, "source_rate"), 250);
	ck_assert_uint_eq(pass_at("192.0.2.2", SECOND, 100000, "source_rate"), 250);
}
END_TEST

/* A forged source that is refused costs its owner nothing. */
START_TEST(what_is_refused_pays_nothing)
{
	struct arrival arrival = arrival_from("192.0.2.1");

	set_rates(1000, 1000);
	address_set_port(&arrival.source, 7);
	for (int i = 0; i < 1000; i++)
		ck_assert_str_eq(verdict(&arrival, SECOND), "source_port");
	ck_assert_uint_eq(pass_of_source("192.0.2.1", SECOND, 250), 250);
}
END_TEST

START_TEST(a_new_rate_holds_at_once)
{
	set_rates(1, 0);
	ck_assert_uint_eq(pass_of_source("192.0.2.1", SECOND, 10), 1);
	set_rates(0, 0);
	ck_assert_uint_eq(pass_of_source("192.0.2.1", SECOND, 10), 10);
	set_rates(100, 0);
	ck_assert_uint_eq(pass_of_source("192.0.2.2", SECOND, 100), 25);
}
END_TEST

/* The hash spreads them: of 1,000 sources beside one that floods hardly any suffers. */
START_TEST(hardly_any_source_shares_a_budget)
{
	unsigned suffering = 0;
	char source[32];

	set_rates(4, 0);
	ck_assert_uint_eq(pass_of_source("192.0.2.1", SECOND, 1000), 1);
	for (int i = 0; i < 1000; i++) {
		snprintf(source, sizeof(source), "198.18.%d.%d", i / 250, i % 250);
		suffering += pass_of_source(source, SECOND, 1) == 0;
	}
	/* About 1000 * 1000 / 2 / 65536 = 8 are expected: more than 50 come from no random key. */
	ck_assert_uint_lt(suffering, 50);
}
END_TEST

static void *
spend_from_thread(void *arg)
{
	*(unsigned *)arg = pass_of_source("192.0.2.1", SECOND, 20000);
	return NULL;
}

/* The workers together let no more pass than one alone would. */
START_TEST(threads_share_one_budget)
{
	pthread_t threads[4];
	unsigned passed[4], sum = 0;

	set_rates(100000, 0);
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, spend_from_thread, &passed[i]), 0);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
		sum += passed[i];
	}
	ck_assert_uint_eq(sum, 25000);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("udp_guard");
	TCase *tests = tcase_create("udp_guard");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, the_rows_hold);
	tcase_add_test(tests, nothing_passes_before_there_are_rules);
	tcase_add_test(tests, no_port_is_refused_whatever_the_rules);
	tcase_add_test(tests, new_rules_replace_the_old);
	tcase_add_test(tests, a_source_of_no_family_is_none);
	tcase_add_test(tests, size_is_limited);
	tcase_add_test(tests, the_access_list_decides);
	tcase_add_test(tests, without_rates_all_pass);
	tcase_add_test(tests, a_source_has_its_rate);
	tcase_add_test(tests, who_keeps_to_the_rate_loses_none);
	tcase_add_test(tests, a_coarse_clock_is_fine);
	tcase_add_test(tests, a_low_rate_lets_one_pass_at_a_time);
	tcase_add_test(tests, sources_have_budgets_of_their_own);
	tcase_add_test(tests, a_64_is_one_source);
	tcase_add_test(tests, ports_and_mapped_addresses_are_one_source);
	tcase_add_test(tests, all_together_have_a_rate);
	tcase_add_test(tests, one_source_cannot_use_up_the_rate_of_all);
	tcase_add_test(tests, what_is_refused_pays_nothing);
	tcase_add_test(tests, a_new_rate_holds_at_once);
	tcase_add_test(tests, hardly_any_source_shares_a_budget);
	tcase_add_test(tests, threads_share_one_budget);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
