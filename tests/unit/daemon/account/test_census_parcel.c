/*
 * What a census has counted goes on in that of another process: no number is another one there,
 * whoever is gone, however many workers there are, and as often as that is done.
 */
#include <stdio.h>
#include <string.h>

#include "daemon/account/census.h"
#include "random.h"
#include "runner.h"

#define NAMES 300 /* more than a census remembers of those that are gone */
#define ENTRIES_MOST 20000

/* --- a census as whoever reads it sees it ------------------------------------------------ */

struct picture {
	size_t count;
	char *lines[ENTRIES_MOST];
};

static void
note(void *arg, const struct census_entry *entry)
{
	struct picture *picture = arg;

	if (entry->family->type == FAMILY_GAUGE)
		return;
	if (picture->count == ENTRIES_MOST)
		ck_abort_msg("too many");
	if (asprintf(&picture->lines[picture->count++], "%s%s{%s,%s,%s} %llu", entry->family->name,
	    entry->suffix, entry->listener != NULL ? entry->listener : "",
	    entry->label != NULL ? entry->label : "", entry->value != NULL ? entry->value : "",
	    (unsigned long long)entry->number) == -1)
		ck_abort_msg("no memory");
}

static int
compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In an order of its own: where ledgers come in another one nobody minds. */
static struct picture *
look(const struct census *census)
{
	struct picture *picture = calloc(1, sizeof(*picture));

	census_each(census, note, picture);
	qsort(picture->lines, picture->count, sizeof(picture->lines[0]), compare_lines);
	return picture;
}

static void
assert_same_and_free(struct picture *a, struct picture *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++)
		if (strcmp(a->lines[i], b->lines[i]) != 0)
			ck_abort_msg("%s became %s", a->lines[i], b->lines[i]);
	ck_assert_uint_eq(a->count, b->count);
	for (size_t i = 0; i < a->count; i++) {
		free(a->lines[i]);
		free(b->lines[i]);
	}
	free(a);
	free(b);
}

/* --- a room ------------------------------------------------------------------------------- */

static const char *const values[] = { "success", "failure" };

/* What each process counts anew: so much. */
static uint64_t
read_number(const void *of, size_t index)
{
	return *(const uint64_t *)of * (index + 1);
}

static const struct census_row rows[] = {
	{ .family = { .name = "room_plain_total", .type = FAMILY_COUNTER }, .read = read_number },
	{ .family = { .name = "room_labelled_total", .type = FAMILY_COUNTER, .label = "result",
	      .values = values, .count = 2 }, .read = read_number },
	{ .family = { .name = "room_seconds", .type = FAMILY_HISTOGRAM, .count = TURN_CELLS,
	      .scale = &turn_scale }, .read = read_number },
	{ .family = { .name = "room_now", .type = FAMILY_GAUGE }, .read = read_number },
	{ .family = { .name = "process_plain_total", .type = FAMILY_COUNTER }, .read = read_number },
	{ .family = { .name = "room_own_total", .type = FAMILY_COUNTER }, .read = read_number,
	  .is_of_process = true },
};

static struct census *
census_with(struct census_room *room, uint64_t *number, size_t workers)
{
	struct census *census = census_new(workers);

	ck_assert_ptr_nonnull(census);
	*room = (struct census_room){ rows, sizeof(rows) / sizeof(rows[0]), number, NULL,
		{ NULL } };
	census_register(census, room);
	return census;
}

/* --- from one to the other --------------------------------------------------------------- */

struct way {
	struct census *to;
	struct ledger *ledgers[NAMES + 2];
	uint64_t gone[NAMES + 2];
	size_t count;
};

static int
on_number(void *arg, const char *family, const char *value, uint64_t number)
{
	struct way *way = arg;

	ck_assert_uint_gt(number, 0);
	if (way->count == 0)
		ck_assert(census_adopt(way->to, family, value, number));
	else
		ck_assert(ledger_adopt(way->ledgers[way->count - 1], family, value, number));
	return 0;
}

static int
on_ledger(void *arg, const struct ledger *ledger)
{
	struct way *way = arg;
	struct ledger *adopted = census_adopt_ledger(way->to, ledger->name, ledger->carries);

	ck_assert_ptr_nonnull(adopted);
	way->ledgers[way->count] = adopted;
	way->gone[way->count++] = ledger->gone;
	return 0;
}

/* As adopt.c does: the longest gone is released first. */
static void
release(struct way *way)
{
	for (size_t done = 0; done < way->count; done++) {
		size_t first = 0;

		for (size_t i = 0; i < way->count; i++)
			if (way->ledgers[i] != NULL && (way->ledgers[first] == NULL ||
			    way->gone[i] - 1 < way->gone[first] - 1))
				first = i;
		ledger_release(way->ledgers[first]);
		way->ledgers[first] = NULL;
	}
}

static void
hand_over(const struct census *from, struct way *way)
{
	const struct census_packer packer = { on_number, on_ledger, way };

	ck_assert_int_eq(census_pack(from, &packer), 0);
}

/* --- tests -------------------------------------------------------------------------------- */

static void
count(struct ledger *ledger, size_t workers)
{
	ledger->carries |= CARRIES_ANY | CARRIES_TLS;
	ledger->accepted += random_below(1000);
	ledger->open += 5;
	ledger->closed[random_below(CLOSE_REASON_COUNT)] += random_below(10);
	ledger->refused[random_below(REFUSE_REASON_COUNT)] += random_below(10);
	ledger->ages[random_below(AGE_CELLS)] += random_below(10);
	for (size_t i = 0; i < workers; i++) {
		struct branch *branch = &ledger->branches[i];

		counter_add(&branch->sent_bytes, random_bits() >> 8);
		counter_add(&branch->waits[random_below(WAIT_CELLS)], random_below(10));
		counter_add(&branch->datagrams_dropped[random_below(DROP_REASON_COUNT)], 3);
		counter_add(&branch->tls_faults[random_below(TLS_FAULT_COUNT)], 3);
	}
}

static const char *
name_of(size_t number)
{
	static char name[32];

	snprintf(name, sizeof(name), "listener-%zu", number);
	return name;
}

/* Some stay, of which one has connections alone; the others are gone, the first of them folded. */
static void
live(struct census *census, size_t workers, struct ledger *held[NAMES])
{
	for (size_t i = 0; i < NAMES; i++) {
		held[i] = census_open(census, name_of(i));
		ck_assert_ptr_nonnull(held[i]);
		count(held[i], workers);
		if (i % 10 != 0) {
			ledger_release(held[i]);
			held[i] = NULL;
		}
	}
}

/* While those that stay are still held, as listeners and connections do. */
START_TEST(each_number_is_the_same)
{
	static struct ledger *held[NAMES], *kept[NAMES];
	struct census_room room, next_room;
	uint64_t nothing = 0, number = 0;
	struct census *census = census_with(&room, &nothing, 2), *next;
	struct way *way = calloc(1, sizeof(*way));

	random_begin(_i);
	live(census, 2, held);
	next = census_with(&next_room, &number, 3);
	for (size_t i = 0; i < NAMES; i += 10)
		kept[i] = census_open(next, name_of(i));
	way->to = next;
	hand_over(census, way);
	release(way);
	assert_same_and_free(look(census), look(next));
	for (size_t i = 0; i < NAMES; i += 10)
		ledger_release(kept[i]);
	free(way);
	census_free(census);
	census_free(next);
}
END_TEST

static uint64_t found;

static void
find(void *arg, const struct census_entry *entry)
{
	char text[128];

	snprintf(text, sizeof(text), "%s%s,%s", entry->family->name, entry->suffix,
	    entry->value != NULL ? entry->value : "");
	if (strcmp(text, arg) == 0)
		found = entry->number;
}

static uint64_t
number_of(const struct census *census, char *of)
{
	found = UINT64_MAX;
	census_each(census, find, of);
	return found;
}

/* A room counts from 0 in each process; what the ones before had is there all the time. */
START_TEST(a_room_goes_on_as_often_as_it_is_handed_over)
{
	uint64_t number = 10;
	struct census_room rooms[2];
	struct census *census = census_with(&rooms[0], &number, 1);

	for (int i = 1; i <= 3; i++) {
		struct way *way = calloc(1, sizeof(*way));
		struct census *next = census_with(&rooms[i % 2], &number, 1);

		way->to = next;
		hand_over(census, way);
		release(way);
		free(way);
		census_free(census);
		census = next;
		ck_assert_uint_eq(number_of(census, (char[]){ "room_plain_total," }),
		    10 * ((uint64_t)i + 1));
		ck_assert_uint_eq(number_of(census, (char[]){ "room_labelled_total,failure" }),
		    20 * ((uint64_t)i + 1));
		ck_assert_uint_eq(number_of(census, (char[]){ "room_seconds_sum," }),
		    10 * TURN_CELLS * ((uint64_t)i + 1));
		ck_assert_uint_eq(number_of(census, (char[]){ "room_now," }), 10);
		ck_assert_uint_eq(number_of(census, (char[]){ "process_plain_total," }),
		    10 * ((uint64_t)i + 1));
		ck_assert_uint_eq(number_of(census, (char[]){ "room_own_total," }), 10);
	}
	census_free(census);
}
END_TEST

START_TEST(what_is_not_counted_here_is_no_fault)
{
	uint64_t number = 0;
	struct census_room room;
	struct census *census = census_with(&room, &number, 1);
	struct ledger *ledger = census_adopt_ledger(census, "x", CARRIES_STREAMS);

	ck_assert(!ledger_adopt(ledger, "echod_future_total", "", 1));
	ck_assert(!ledger_adopt(ledger, "echod_connections_closed_total", "boredom", 1));
	ck_assert(!ledger_adopt(ledger, "echod_connections_open", "", 1)); /* no counter */
	ck_assert(ledger_adopt(ledger, "echod_connections_closed_total", "peer", 1));
	ck_assert_uint_eq(ledger->closed[CLOSE_PEER], 1);
	ledger_release(ledger);
	census_free(census);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("census_parcel");
	TCase *tests = tcase_create("census_parcel");

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, each_number_is_the_same, 1, 4);
	tcase_add_test(tests, a_room_goes_on_as_often_as_it_is_handed_over);
	tcase_add_test(tests, what_is_not_counted_here_is_no_fault);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
