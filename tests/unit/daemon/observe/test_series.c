/* The census as text: the labels of each series, families together, in an order that stays. */
#include "daemon/observe/series.h"

#include <stdio.h>
#include <string.h>

#include "runner.h"

#define MOST 512

static struct census *census;
static struct census_room room;

static char seen[MOST][192];
static const struct family *families[MOST];
static size_t seen_count;

static uint64_t
read_weather(const void *of, size_t index)
{
	return *(const uint64_t *)of + index;
}

static const char *const winds[] = { "north", "south" };
static const struct census_row rows[] = {
	{ { "weather", "The weather.", FAMILY_GAUGE, NULL, NULL, 1 }, read_weather },
	{ { "wind", "The wind.", FAMILY_GAUGE, "from", winds, 2 }, read_weather },
};
static const uint64_t degrees = 20;

static void
set_up(void)
{
	census = census_new(1);
	ck_assert_ptr_nonnull(census);
	room = (struct census_room){ .rows = rows, .count = 2, .of = &degrees };
	census_register(census, &room);
}

static void
tear_down(void)
{
	census_free(census);
}

static void
note(void *arg, const struct family *family, const char *series, uint64_t number)
{
	(void)arg;
	ck_assert_uint_lt(seen_count, MOST);
	families[seen_count] = family;
	snprintf(seen[seen_count++], sizeof(seen[0]), "%s %llu", series, (unsigned long long)number);
}

static bool
has(const char *line)
{
	for (size_t i = 0; i < seen_count; i++)
		if (strcmp(seen[i], line) == 0)
			return true;
	return false;
}

static struct ledger *
serve(const char *name, unsigned carries)
{
	struct ledger *ledger = census_open(census, name);

	ck_assert_ptr_nonnull(ledger);
	ledger->carries |= carries;
	return ledger;
}

START_TEST(a_series_has_its_labels_and_its_number)
{
	struct ledger *streams = serve("s", CARRIES_STREAMS), *datagrams = serve("d", CARRIES_DATAGRAMS);

	streams->open = 3;
	streams->refused[REFUSE_DENIED] = 4;
	counter_add(&datagrams->branches[0].datagrams_dropped[DROP_SEND], 5);
	series_each(census, note, NULL);
	ck_assert(has("weather 20"));
	ck_assert(has("wind{from=\"south\"} 21"));
	ck_assert(has("echod_connections_open{listener=\"s\"} 3"));
	ck_assert(has("echod_connections_refused_total{listener=\"s\",reason=\"denied\"} 4"));
	ck_assert(has("echod_connections_closed_total{listener=\"s\",reason=\"peer\"} 0"));
	ck_assert(has("echod_datagrams_dropped_total{listener=\"d\",reason=\"send\"} 5"));
	ck_assert(has("echod_sent_bytes_total{listener=\"s\"} 0"));
	ck_assert(has("echod_sent_bytes_total{listener=\"d\"} 0"));
	/* What a listener does not carry it does not count. */
	ck_assert(!has("echod_connections_open{listener=\"d\"} 0"));
	ck_assert(!has("echod_datagrams_sent_total{listener=\"s\"} 0"));
	ledger_release(streams);
	ledger_release(datagrams);
}
END_TEST

/* The longest name with the longest labels is not cut. */
START_TEST(a_long_name_is_whole)
{
	char name[64], line[256];
	struct ledger *ledger;

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ledger = serve(name, CARRIES_ANY);
	series_each(census, note, NULL);
	snprintf(line, sizeof(line),
	    "echod_connections_refused_total{listener=\"%s\",reason=\"source_connections\"} 0", name);
	ck_assert(has(line));
	ledger_release(ledger);
}
END_TEST

START_TEST(families_stand_together_and_stay_where_they_are)
{
	static char before[MOST][192];
	struct ledger *first = serve("first", CARRIES_ANY), *second = serve("second", CARRIES_ANY);
	size_t before_count;

	series_each(census, note, NULL);
	for (size_t i = 1; i < seen_count; i++)
		for (size_t earlier = 0; earlier < i; earlier++)
			ck_assert(families[i] == families[i - 1] || families[earlier] != families[i]);
	memcpy(before, seen, sizeof(before));
	before_count = seen_count;
	ledger_release(first);
	first = serve("first", CARRIES_ANY);
	seen_count = 0;
	series_each(census, note, NULL);
	ck_assert_uint_eq(seen_count, before_count);
	ck_assert_mem_eq(seen, before, sizeof(before));
	ledger_release(first);
	ledger_release(second);
}
END_TEST

/* As the text format of Prometheus takes them without an escape. */
START_TEST(each_family_says_what_it_is)
{
	serve("any", CARRIES_ANY);
	series_each(census, note, NULL);
	for (size_t i = 0; i < seen_count; i++) {
		const struct family *family = families[i];
		const size_t length = strlen(family->name), help = strlen(family->help);

		ck_assert_ptr_null(strpbrk(family->help, "\n\\"));
		ck_assert_int_eq(family->help[help - 1], '.');
		ck_assert((family->type == FAMILY_COUNTER) ==
		    (length > 6 && strcmp(family->name + length - 6, "_total") == 0));
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("series");
	TCase *tests = tcase_create("series");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, a_series_has_its_labels_and_its_number);
	tcase_add_test(tests, a_long_name_is_whole);
	tcase_add_test(tests, families_stand_together_and_stay_where_they_are);
	tcase_add_test(tests, each_family_says_what_it_is);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
