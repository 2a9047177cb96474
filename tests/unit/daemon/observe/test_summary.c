/* The line of a minute: what there is more of, by its reason, and nothing else. */
#include "daemon/observe/summary.h"

#include <string.h>

#include "runner.h"

static struct summary_totals before, now;
static char text[SUMMARY_SIZE];

static void
begin(void)
{
	memset(&before, 0, sizeof(before));
	memset(&now, 0, sizeof(now));
}

static void
add(enum ledger_row_id row, size_t index, uint64_t was, uint64_t is)
{
	before.numbers[row][index] = was;
	now.numbers[row][index] = is;
}

START_TEST(nothing_has_no_line)
{
	ck_assert(!summary_format(&now, &before, 60, text));
	/* Nor have those that did nothing. */
	add(ROW_OPEN, 0, 5, 3);
	add(ROW_ACCEPTED, 0, 7, 7);
	add(ROW_SENT_BYTES, 0, 1000, 1000);
	ck_assert(!summary_format(&now, &before, 60, text));
}
END_TEST

START_TEST(what_there_is_more_of_is_told)
{
	add(ROW_OPEN, 0, 9, 3);
	add(ROW_ACCEPTED, 0, 100, 110);
	add(ROW_CLOSED, CLOSE_PEER, 90, 104);
	add(ROW_CLOSED, CLOSE_IDLE, 1, 3);
	add(ROW_CLOSED, CLOSE_RESET, 4, 4);
	add(ROW_REFUSED, REFUSE_SOURCE_CONNECTIONS, 0, 8);
	add(ROW_DATAGRAMS_RECEIVED, 0, 0, 12);
	add(ROW_DATAGRAMS_SENT, 0, 0, 5);
	add(ROW_DATAGRAMS_DROPPED, DROP_SOURCE_PORT, 0, 7);
	add(ROW_RECEIVED_BYTES, 0, 0, UINT64_C(5000000000));
	add(ROW_SENT_BYTES, 0, 1, UINT64_C(4999999999));
	ck_assert(summary_format(&now, &before, 60, text));
	ck_assert_str_eq(text, "seconds=60 open=3 opened=10 closed_peer=14 closed_idle_timeout=2"
	    " refused_source_connections=8 answered=5 dropped_source_port=7 received=5000000000"
	    " sent=4999999998");
}
END_TEST

/* Each alone is worth a line. */
START_TEST(each_counter_is_in_it)
{
	for (int row = 0; row < LEDGER_ROW_COUNT; row++)
		for (size_t i = 0; i < ledger_rows[row].family.count; i++) {
			if (ledger_rows[row].family.type != FAMILY_COUNTER ||
			    row == ROW_DATAGRAMS_RECEIVED)
				continue; /* the sum of answered and dropped ones */
			begin();
			add((enum ledger_row_id)row, i, 41, 42);
			ck_assert(summary_format(&now, &before, 7, text));
			ck_assert_int_eq(strncmp(text, "seconds=7 ", 10), 0);
			ck_assert_ptr_nonnull(strstr(text, "=1"));
			if (ledger_rows[row].family.label != NULL)
				ck_assert_ptr_nonnull(strstr(text, ledger_rows[row].family.values[i]));
		}
}
END_TEST

/* No field is cut in the middle. */
START_TEST(whatever_the_numbers_each_field_is_whole)
{
	const char *last;

	for (int row = 0; row < LEDGER_ROW_COUNT; row++)
		for (size_t i = 0; i < ledger_rows[row].family.count; i++)
			add((enum ledger_row_id)row, i, 0, UINT64_MAX);
	ck_assert(summary_format(&now, &before, 60, text));
	ck_assert_uint_lt(strlen(text), SUMMARY_SIZE - 1);
	last = strrchr(text, '=');
	ck_assert_str_eq(last, "=18446744073709551615");
}
END_TEST

/* --- when ----------------------------------------------------------------------------- */

START_TEST(a_census_moves_as_soon_as_anything_is_counted)
{
	struct census *census = census_new(2);
	struct ledger *ledger = census_open(census, "echo");
	uint64_t moves = census_moves(census);

	ck_assert_uint_eq(census_moves(census), moves);
	counter_add(&ledger->open, 1); /* with `accepted` */
	ck_assert_uint_eq(census_moves(census), moves);
	for (int step = 0; step < 4; step++) {
		if (step == 0)
			counter_add(&ledger->refused[REFUSE_DENIED], 1);
		else if (step == 1)
			counter_add(&ledger->branches[1].received_bytes, 1);
		else if (step == 2)
			counter_add(&ledger->branches[0].datagrams_dropped[DROP_SIZE], 1);
		else
			counter_add(&ledger->closed[CLOSE_PEER], 1);
		ck_assert_uint_ne(census_moves(census), moves);
		moves = census_moves(census);
	}
	ledger->carries |= CARRIES_ANY;
	ledger_release(ledger);
	ck_assert_uint_eq(census_moves(census), moves);
	census_free(census);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("summary");
	TCase *tests = tcase_create("summary");

	tcase_add_checked_fixture(tests, begin, NULL);
	tcase_add_test(tests, nothing_has_no_line);
	tcase_add_test(tests, what_there_is_more_of_is_told);
	tcase_add_test(tests, each_counter_is_in_it);
	tcase_add_test(tests, whatever_the_numbers_each_field_is_whole);
	tcase_add_test(tests, a_census_moves_as_soon_as_anything_is_counted);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
