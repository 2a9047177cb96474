/* The census: what is counted under a listener's name stays, whatever becomes of the listener. */
#include "daemon/account/census.h"

#include <stdio.h>
#include <string.h>

#include "random.h"
#include "runner.h"

#define WORKERS 3

static struct census *census;

static void
set_up(void)
{
	census = census_new(WORKERS);
	ck_assert_ptr_nonnull(census);
}

static void
tear_down(void)
{
	census_free(census);
}

static const char *
name_of(size_t number)
{
	static char name[32];

	snprintf(name, sizeof(name), "listener-%zu", number);
	return name;
}

/* As a listener does that begins to serve. */
static struct ledger *
serve(const char *name)
{
	struct ledger *ledger = census_open(census, name);

	ck_assert_ptr_nonnull(ledger);
	ledger->carries |= CARRIES_ANY;
	return ledger;
}

/* As a connection does that is counted by the control thread and by a worker. */
static void
count(struct ledger *ledger, size_t worker, uint64_t bytes)
{
	ledger->accepted++;
	ledger->closed[CLOSE_PEER]++;
	counter_add(&ledger->branches[worker].sent_bytes, bytes);
	counter_add(&ledger->branches[worker].datagrams_dropped[DROP_SIZE], 2);
}

/* What is rendered of a listener; `seen`: whether anything is. */
struct view {
	const char *listener;
	uint64_t sent_bytes, accepted, dropped;
	bool seen;
};

static void
look(void *arg, const struct census_entry *entry)
{
	struct view *view = arg;
	const char *name = entry->family->name;

	if (entry->listener == NULL || strcmp(entry->listener, view->listener) != 0)
		return;
	view->seen = true;
	if (strcmp(name, "echod_sent_bytes_total") == 0)
		view->sent_bytes += entry->number;
	else if (strcmp(name, "echod_connections_accepted_total") == 0)
		view->accepted += entry->number;
	else if (strcmp(name, "echod_datagrams_dropped_total") == 0)
		view->dropped += entry->number;
}

static struct view
view_of(const char *listener)
{
	struct view view = { .listener = listener };

	census_each(census, look, &view);
	return view;
}

static void
count_listener(void *arg, const struct census_entry *entry)
{
	*(size_t *)arg += strcmp(entry->family->name, "echod_sent_bytes_total") == 0;
}

static size_t
listeners_in_view(void)
{
	size_t listeners = 0;

	census_each(census, count_listener, &listeners);
	return listeners;
}

START_TEST(a_name_that_returns_goes_on)
{
	for (uint64_t i = 1; i <= 3; i++) {
		struct ledger *ledger = serve("echo");

		count(ledger, i % WORKERS, 100);
		ck_assert_uint_eq(view_of("echo").sent_bytes, 100 * i);
		ledger_release(ledger);
		ck_assert_uint_eq(view_of("echo").sent_bytes, 100 * i);
		ck_assert_uint_eq(view_of("echo").accepted, i);
		ck_assert_uint_eq(view_of("echo").dropped, 2 * i);
	}
	ck_assert_uint_eq(listeners_in_view(), 1);
}
END_TEST

/* A reload opens the new socket before the old one is closed, and its connections go on. */
START_TEST(old_and_new_sockets_of_a_name_are_counted_together)
{
	struct ledger *old = serve("echo"), *new;
	struct branch *of_a_connection = &old->branches[1];

	ledger_hold(old);
	new = serve("echo");
	ledger_release(old);
	count(new, 0, 10);
	counter_add(&of_a_connection->sent_bytes, 5);
	ck_assert_uint_eq(view_of("echo").sent_bytes, 15);
	ledger_release(new);
	counter_add(&of_a_connection->sent_bytes, 5);
	ck_assert_uint_eq(view_of("echo").sent_bytes, 20);
	ledger_release(of_a_connection->ledger);
	ck_assert_uint_eq(view_of("echo").sent_bytes, 20);
	ck_assert_uint_eq(census_total(census, ROW_SENT_BYTES), 20);
}
END_TEST

/* Its file was at fault: nobody has ever been served. */
START_TEST(a_listener_that_never_served_leaves_nothing)
{
	struct ledger *served = serve("echo");

	count(served, 0, 1);
	ledger_release(census_open(census, "echo"));
	ledger_release(served);
	ledger_release(census_open(census, "echo"));
	/* Nor does it have a place among those that are remembered. */
	for (size_t i = 0; i <= CENSUS_NAMES; i++)
		ledger_release(census_open(census, name_of(i)));
	ck_assert_uint_eq(listeners_in_view(), 1);
	ck_assert_uint_eq(view_of("echo").sent_bytes, 1);
}
END_TEST

/* Those that went first, not those that came first, nor those that somebody still has. */
START_TEST(beyond_256_the_longest_gone_are_counted_together)
{
	struct ledger *ledgers[CENSUS_NAMES + 10], *last;
	const size_t names = sizeof(ledgers) / sizeof(ledgers[0]);

	for (size_t i = 0; i < names; i++) {
		ledgers[i] = serve(name_of(i));
		count(ledgers[i], i % WORKERS, 1000 + i);
	}
	for (size_t i = names - 1; i > 0; i--) {
		ck_assert(view_of(CENSUS_GONE).seen == (names - 1 - i > CENSUS_NAMES));
		ledger_release(ledgers[i]);
	}
	for (size_t i = 0; i < names; i++)
		ck_assert(view_of(name_of(i)).seen == (i <= CENSUS_NAMES));
	ck_assert_uint_eq(view_of(name_of(0)).accepted, 1);
	ck_assert_uint_eq(view_of(CENSUS_GONE).accepted, names - 1 - CENSUS_NAMES);
	ck_assert_uint_eq(view_of(CENSUS_GONE).dropped, 2 * (names - 1 - CENSUS_NAMES));
	ck_assert_uint_eq(census_total(census, ROW_ACCEPTED), names);
	ck_assert_uint_eq(census_total(census, ROW_SENT_BYTES), names * 1000 + names * (names - 1) / 2);

	/* One that returns is no longer among them, so that there is room for one more. */
	last = serve(name_of(CENSUS_NAMES));
	ledger_release(ledgers[0]);
	ck_assert(view_of(name_of(CENSUS_NAMES - 1)).seen);
	ledger_release(last);
	ck_assert(!view_of(name_of(CENSUS_NAMES - 1)).seen);
	ck_assert(view_of(name_of(CENSUS_NAMES)).seen);
}
END_TEST

/* For leaks there is AddressSanitizer: what is forgotten is freed. */
START_TEST(names_without_end_take_no_memory)
{
	for (size_t i = 0; i < 10000; i++) {
		struct ledger *ledger = serve(name_of(i));

		count(ledger, i % WORKERS, 7);
		ledger_release(ledger);
		ck_assert_uint_eq(census_total(census, ROW_SENT_BYTES), 7 * (i + 1));
	}
	ck_assert_uint_eq(listeners_in_view(), CENSUS_NAMES + 1);
}
END_TEST

/* --- any history ---------------------------------------------------------------------------- */

#define NAMES 900
#define HOLDERS 300
#define STEPS 2000
#define LOOK_EVERY 10 /* steps: a look at all of it takes its time */

/* How many numbers there are of a listener, at most. */
#define NUMBERS 64

/* How many of them are gone from one look to the next, at most. */
#define MOST_GONE (LOOK_EVERY * NUMBERS)

/* Every number by its place in what is rendered, with whose it is. */
struct picture {
	size_t count;
	struct number {
		const struct family *family;
		const char *value;
		char listener[32];
		uint64_t number;
	} numbers[(HOLDERS + CENSUS_NAMES + 1) * NUMBERS];
};

static void
note(void *arg, const struct census_entry *entry)
{
	struct picture *picture = arg;
	struct number *number = &picture->numbers[picture->count++];

	if (picture->count > sizeof(picture->numbers) / sizeof(picture->numbers[0]))
		ck_abort_msg("more numbers than there is room for"); /* an assertion takes its time */
	number->family = entry->family;
	number->value = entry->value;
	number->number = entry->number;
	snprintf(number->listener, sizeof(number->listener), "%s", entry->listener);
}

static bool
is_same(const struct number *a, const struct number *b)
{
	return a->family == b->family && a->value == b->value && strcmp(a->listener, b->listener) == 0;
}

/*
 * What is in both stands in the same order, so that one pass finds all of it; what is new is not
 * looked for beyond what may be gone: one listener a step is folded at most.
 */
static void
assert_none_went_back(const struct picture *before, const struct picture *after, int seed)
{
	size_t b = 0, found = 0;

	for (size_t a = 0; a < after->count; a++) {
		const size_t beyond = b + MOST_GONE < before->count ? b + MOST_GONE : before->count;
		size_t at = b;

		while (at < beyond && !is_same(&before->numbers[at], &after->numbers[a]))
			at++;
		if (at == beyond)
			continue;
		b = at + 1;
		found++;
		if (before->numbers[at].family->type == FAMILY_COUNTER &&
		    after->numbers[a].number < before->numbers[at].number)
			ck_abort_msg("seed %d: %s of %s went back", seed,
			    after->numbers[a].family->name, after->numbers[a].listener);
	}
	ck_assert_msg(found + MOST_GONE >= before->count, "seed %d: %zu of %zu found", seed, found,
	    before->count);
}

/* Listeners and connections come, are counted and go in any order. */
static void
step(struct ledger **holders, uint64_t sums[LEDGER_ROW_COUNT])
{
	struct ledger **holder = &holders[random_below(HOLDERS)];
	const uint64_t bytes = random_below(1000);

	if (*holder == NULL) {
		*holder = serve(name_of(random_below(NAMES)));
	} else if (random_once_in(2)) {
		ledger_release(*holder);
		*holder = NULL;
	} else {
		count(*holder, random_below(WORKERS), bytes);
		sums[ROW_ACCEPTED]++;
		sums[ROW_CLOSED]++;
		sums[ROW_SENT_BYTES] += bytes;
		sums[ROW_DATAGRAMS_DROPPED] += 2;
	}
}

START_TEST(no_total_goes_back_over_any_history)
{
	static struct picture pictures[2];
	struct ledger *holders[HOLDERS] = { NULL };
	uint64_t sums[LEDGER_ROW_COUNT] = { 0 };

	random_begin(_i);
	for (int i = 1; i <= STEPS / LOOK_EVERY; i++) {
		for (int s = 0; s < LOOK_EVERY; s++)
			step(holders, sums);
		for (int id = 0; id < LEDGER_ROW_COUNT; id++)
			ck_assert_msg(census_total(census, id) == sums[id], "seed %d: %s", _i,
			    ledger_rows[id].family.name);
		pictures[i % 2].count = 0;
		census_each(census, note, &pictures[i % 2]);
		assert_none_went_back(&pictures[(i + 1) % 2], &pictures[i % 2], _i);
	}
	ck_assert(view_of(CENSUS_GONE).seen);
	for (size_t i = 0; i < HOLDERS; i++)
		ledger_release(holders[i]);
	ck_assert_uint_eq(census_total(census, ROW_SENT_BYTES), sums[ROW_SENT_BYTES]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("census");
	TCase *tests = tcase_create("census");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, a_name_that_returns_goes_on);
	tcase_add_test(tests, old_and_new_sockets_of_a_name_are_counted_together);
	tcase_add_test(tests, a_listener_that_never_served_leaves_nothing);
	tcase_add_test(tests, beyond_256_the_longest_gone_are_counted_together);
	tcase_add_test(tests, names_without_end_take_no_memory);
	tcase_add_loop_test(tests, no_total_goes_back_over_any_history, 1, 4);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
