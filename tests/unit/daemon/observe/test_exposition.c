/* The census as text: the labels of each series, families together, in an order that stays. */
#include "daemon/observe/exposition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runner.h"

#define LISTENERS 100
#define WORKERS 16

static struct census *census;
static struct census_room room;
static char *text;
static size_t size;

static uint64_t
read_weather(const void *of, size_t index)
{
	return *(const uint64_t *)of + index;
}

static uint64_t
read_none(const void *of, size_t index)
{
	(void)of;
	return index == 1 ? 7 : CENSUS_NONE;
}

/* As many names as it likes. */
static const char *
name_of_town(const void *of, size_t index)
{
	static const char *const towns[] = { "a\"b\\c\nd", "e", "f" };

	(void)of;
	return index < 3 ? towns[index] : NULL;
}

static uint64_t
read_turns(const void *of, size_t index)
{
	(void)of;
	return index == 0 ? 3 : index == 1 ? 2 : index == TURN_CELLS - 2 ? 1 :
	    index == TURN_CELLS - 1 ? 2500300 : 0;
}

static const char *const winds[] = { "north", "south" };
static const struct census_row rows[] = {
	{ .family = { .name = "weather", .help = "The weather.", .type = FAMILY_GAUGE },
	  .read = read_weather },
	{ .family = { .name = "wind", .help = "The wind.", .type = FAMILY_GAUGE, .label = "from",
	      .values = winds, .count = 2 }, .read = read_weather },
	{ .family = { .name = "rain", .help = "The rain.", .type = FAMILY_GAUGE, .label = "town" },
	  .read = read_weather, .value = name_of_town },
	{ .family = { .name = "fog", .help = "The fog.", .type = FAMILY_GAUGE, .label = "town" },
	  .read = read_none, .value = name_of_town },
	{ .family = { .name = "snow", .help = "The snow.", .type = FAMILY_GAUGE }, .read = read_none },
	{ .family = { .name = "sun_total", .help = "The sun.", .type = FAMILY_COUNTER, .decimals = 3 },
	  .read = read_weather },
	{ .family = { .name = "turns", .help = "The turns.", .type = FAMILY_HISTOGRAM,
	      .count = TURN_CELLS, .scale = &turn_scale }, .read = read_turns },
};
static uint64_t degrees;
static unsigned looks;

static void
look(void *of)
{
	ck_assert_ptr_eq(of, &degrees);
	looks++;
}

static void
set_up(void)
{
	degrees = 20;
	looks = 0;
	census = census_new(WORKERS);
	ck_assert_ptr_nonnull(census);
	room = (struct census_room){
		.rows = rows, .count = sizeof(rows) / sizeof(rows[0]), .of = &degrees, .look = look,
	};
	census_register(census, &room);
}

static void
tear_down(void)
{
	free(text);
	text = NULL;
	census_free(census);
}

static void
render(void)
{
	char *rendered = exposition_render(census, &size);

	ck_assert_ptr_nonnull(rendered);
	free(text);
	text = malloc(size + 1);
	ck_assert_ptr_nonnull(text);
	memcpy(text, rendered, size);
	text[size] = '\0';
	free(rendered);
}

/* `wanted` is a line, or some of them. */
static bool
has(const char *wanted)
{
	const char *found = strstr(text, wanted);

	return found != NULL && (found == text || found[-1] == '\n') && found[strlen(wanted)] == '\n';
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
	render();
	ck_assert(has("# HELP weather The weather.\n# TYPE weather gauge\nweather 20"));
	ck_assert(has("wind{from=\"south\"} 21"));
	ck_assert(has("echod_connections_open{listener=\"s\"} 3"));
	ck_assert(has("echod_connections_refused_total{listener=\"s\",reason=\"denied\"} 4"));
	ck_assert(has("echod_connections_closed_total{listener=\"s\",reason=\"peer\"} 0"));
	ck_assert(has("echod_datagrams_dropped_total{listener=\"d\",reason=\"send\"} 5"));
	ck_assert(has("echod_sent_bytes_total{listener=\"s\"} 0\n"
	    "echod_sent_bytes_total{listener=\"d\"} 0"));
	/* What a listener does not carry it does not count. */
	ck_assert(!has("echod_connections_open{listener=\"d\"} 0"));
	ck_assert(!has("echod_datagrams_sent_total{listener=\"s\"} 0"));
	ck_assert_uint_eq(looks, 1);
	ledger_release(streams);
	ledger_release(datagrams);
}
END_TEST

START_TEST(a_label_is_escaped_and_what_is_not_there_left_out)
{
	render();
	ck_assert(has("rain{town=\"a\\\"b\\\\c\\nd\"} 20\nrain{town=\"e\"} 21\nrain{town=\"f\"} 22"));
	ck_assert(has("# TYPE fog gauge\nfog{town=\"e\"} 7\n# HELP sun_total The sun."));
	ck_assert_ptr_null(strstr(text, "snow"));
}
END_TEST

START_TEST(a_number_has_its_point_where_it_belongs)
{
	static const struct {
		uint64_t number;
		const char *line;
	} cases[] = {
		{ 0, "sun_total 0" }, { 1, "sun_total 0.001" }, { 20, "sun_total 0.02" },
		{ 999, "sun_total 0.999" }, { 1000, "sun_total 1" }, { 10100, "sun_total 10.1" },
		{ 120000, "sun_total 120" }, { UINT64_MAX - 2, "sun_total 18446744073709551.613" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		degrees = cases[i].number;
		render();
		ck_assert_msg(has(cases[i].line), "%s", cases[i].line);
	}
}
END_TEST

/* A bucket has what the ones before it have, the last of them all; a sum is in seconds. */
START_TEST(a_histogram_is_cumulative)
{
	struct ledger *ledger = serve("s", CARRIES_STREAMS);

	histogram_add(ledger->ages, &age_scale, 10);
	histogram_add(ledger->ages, &age_scale, 11);
	histogram_add(ledger->ages, &age_scale, 200000000);
	histogram_add(ledger->branches[0].waits, &wait_scale, 2500);
	histogram_add(ledger->branches[WORKERS - 1].waits, &wait_scale, 0);
	render();
	ck_assert(has("# TYPE turns histogram\nturns_bucket{le=\"0.00005\"} 3\n"
	    "turns_bucket{le=\"0.0002\"} 5"));
	ck_assert(has("turns_bucket{le=\"2\"} 5\nturns_bucket{le=\"+Inf\"} 6\n"
	    "turns_sum 2.5003\nturns_count 6"));
	ck_assert(has("echod_connection_duration_seconds_bucket{listener=\"s\",le=\"0.01\"} 1\n"
	    "echod_connection_duration_seconds_bucket{listener=\"s\",le=\"0.1\"} 2"));
	ck_assert(has("echod_connection_duration_seconds_bucket{listener=\"s\",le=\"86400\"} 2\n"
	    "echod_connection_duration_seconds_bucket{listener=\"s\",le=\"+Inf\"} 3\n"
	    "echod_connection_duration_seconds_sum{listener=\"s\"} 200000.021\n"
	    "echod_connection_duration_seconds_count{listener=\"s\"} 3"));
	ck_assert(has("echod_blocked_seconds_bucket{listener=\"s\",le=\"0.001\"} 1\n"
	    "echod_blocked_seconds_bucket{listener=\"s\",le=\"0.005\"} 2"));
	ck_assert(has("echod_blocked_seconds_sum{listener=\"s\"} 0.0025"));
	/* One that is gone is whole, or not there. */
	ledger_release(ledger);
	ledger_release(serve("t", CARRIES_STREAMS));
	render();
	ck_assert(has("echod_connection_duration_seconds_bucket{listener=\"s\",le=\"86400\"} 2"));
	ck_assert(has("echod_blocked_seconds_bucket{listener=\"s\",le=\"+Inf\"} 2"));
	ck_assert_ptr_null(strstr(text, "listener=\"t\""));
}
END_TEST

START_TEST(what_is_folded_keeps_its_histograms)
{
	char name[16];

	for (int i = 0; i <= CENSUS_NAMES + 1; i++) {
		struct ledger *ledger;

		snprintf(name, sizeof(name), "n%d", i);
		ledger = serve(name, CARRIES_STREAMS);
		histogram_add(ledger->ages, &age_scale, 5);
		histogram_add(ledger->branches[3].waits, &wait_scale, 1000000);
		ledger_release(ledger);
	}
	render();
	ck_assert(has("echod_connection_duration_seconds_bucket{listener=\"(gone)\",le=\"0.01\"} 2"));
	ck_assert(has("echod_blocked_seconds_sum{listener=\"(gone)\"} 2"));
	ck_assert(has("echod_blocked_seconds_count{listener=\"(gone)\"} 2"));
}
END_TEST

START_TEST(a_value_is_in_the_bucket_whose_bound_it_does_not_exceed)
{
	const struct scale *const scales[] = { &age_scale, &wait_scale, &turn_scale };

	for (size_t i = 0; i < 3; i++) {
		for (size_t b = 0; b < scales[i]->count; b++) {
			double bound = (double)scales[i]->bounds[b];

			ck_assert_uint_eq(scale_find(scales[i], scales[i]->bounds[b]), b);
			ck_assert_uint_eq(scale_find(scales[i], scales[i]->bounds[b] + 1), b + 1);
			for (unsigned d = 0; d < scales[i]->decimals; d++)
				bound /= 10;
			ck_assert_double_eq_tol(bound, atof(scales[i]->texts[b]), 1e-9);
		}
		ck_assert_uint_eq(scale_find(scales[i], UINT64_MAX), scales[i]->count);
		ck_assert_str_eq(scales[i]->texts[scales[i]->count], "+Inf");
	}
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
	render();
	snprintf(line, sizeof(line),
	    "echod_connections_refused_total{listener=\"%s\",reason=\"source_connections\"} 0", name);
	ck_assert(has(line));
	ledger_release(ledger);
}
END_TEST

/* The family of a series: what its name has before the suffix of a histogram's part. */
static size_t
family_length(const char *line, bool is_histogram)
{
	const size_t length = strcspn(line, "{ ");

	for (size_t i = length; is_histogram && i > 0; i--)
		if (line[i - 1] == '_')
			return i - 1;
	return length;
}

/* A series stands behind the TYPE of its family, and no TYPE comes twice. */
static void
assert_families_are_together(void)
{
	const char *family = NULL, *line;
	size_t length = 0, families = 0;
	char type[128];
	bool is_histogram = false;

	for (line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
		if (strncmp(line, "# HELP ", 7) == 0)
			continue;
		if (strncmp(line, "# TYPE ", 7) == 0) {
			family = line + 7;
			length = strcspn(family, " ");
			is_histogram = strncmp(family + length, " histogram\n", 11) == 0;
			snprintf(type, sizeof(type), "# TYPE %.*s ", (int)length, family);
			ck_assert_ptr_null(strstr(line + 1, type));
			families++;
			continue;
		}
		ck_assert_ptr_nonnull(family);
		ck_assert_msg(family_length(line, is_histogram) == length &&
		    memcmp(line, family, length) == 0, "%.60s", line);
	}
	ck_assert_uint_gt(families, 15);
}

START_TEST(families_stand_together_and_stay_where_they_are)
{
	struct ledger *first = serve("first", CARRIES_ANY | CARRIES_TLS);
	struct ledger *second = serve("second", CARRIES_ANY);
	char *before;

	render();
	assert_families_are_together();
	before = strdup(text);
	ck_assert_ptr_nonnull(before);
	ledger_release(first);
	first = serve("first", CARRIES_ANY);
	render();
	ck_assert_str_eq(text, before);
	free(before);
	ledger_release(first);
	ledger_release(second);
}
END_TEST

static void
judge(void *arg, const struct census_entry *entry)
{
	const struct family *family = entry->family;
	const size_t length = strlen(family->name), help = strlen(family->help);

	(void)arg;
	ck_assert_ptr_null(strpbrk(family->help, "\n\\"));
	ck_assert_int_eq(family->help[help - 1], '.');
	ck_assert((family->type == FAMILY_COUNTER) ==
	    (length > 6 && strcmp(family->name + length - 6, "_total") == 0));
}

/* As the text format of Prometheus takes them without an escape. */
START_TEST(each_family_says_what_it_is)
{
	serve("any", CARRIES_ANY);
	census_each(census, judge, NULL);
}
END_TEST

static void
note_line(void *arg, const char *line)
{
	char *const all = arg;

	strcat(strcat(all, line), "\n");
}

/* What SIGUSR1 logs: the same series, but for the buckets. */
START_TEST(by_line_it_is_the_same_without_buckets)
{
	static char lines[65536], expected[65536];
	struct ledger *ledger = serve("s", CARRIES_ANY);
	char *line, *rest;

	lines[0] = expected[0] = '\0';
	render();
	exposition_each(census, note_line, lines);
	for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
		if (line[0] != '#' && strstr(line, "_bucket{") == NULL)
			strcat(strcat(expected, line), "\n");
	ck_assert_str_eq(lines, expected);
	ledger_release(ledger);
}
END_TEST

/* Of CPU.  Generous: it takes a tenth of that, but a sanitizer its time. */
#define MOST_SECONDS 0.05

START_TEST(a_hundred_listeners_take_no_time)
{
	const char *const told = getenv("TELL_TIMES");
	struct timespec begun, ended;
	double best = 1;
	char name[32];

	for (int i = 0; i < LISTENERS; i++) {
		snprintf(name, sizeof(name), "listener-%d", i);
		serve(name, i % 2 == 0 ? CARRIES_STREAMS : CARRIES_DATAGRAMS);
	}
	for (int i = 0; i < 20; i++) {
		double taken;

		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begun);
		free(exposition_render(census, &size));
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ended);
		taken = (double)(ended.tv_sec - begun.tv_sec) +
		    (double)(ended.tv_nsec - begun.tv_nsec) * 1e-9;
		if (taken < best)
			best = taken;
	}
	if (told != NULL)
		fprintf(stderr, "%zu bytes in %.3f ms\n", size, best * 1000);
	ck_assert_double_lt(best, MOST_SECONDS);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("exposition");
	TCase *tests = tcase_create("exposition");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, a_series_has_its_labels_and_its_number);
	tcase_add_test(tests, a_label_is_escaped_and_what_is_not_there_left_out);
	tcase_add_test(tests, a_number_has_its_point_where_it_belongs);
	tcase_add_test(tests, a_histogram_is_cumulative);
	tcase_add_test(tests, what_is_folded_keeps_its_histograms);
	tcase_add_test(tests, a_value_is_in_the_bucket_whose_bound_it_does_not_exceed);
	tcase_add_test(tests, a_long_name_is_whole);
	tcase_add_test(tests, families_stand_together_and_stay_where_they_are);
	tcase_add_test(tests, each_family_says_what_it_is);
	tcase_add_test(tests, by_line_it_is_the_same_without_buckets);
	tcase_add_test(tests, a_hundred_listeners_take_no_time);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
