/*
 * The codec of parcels: what is written is read, and what is damaged is refused whole, with the
 * place where it is.
 */
#include "daemon/handover/parcel.h"

#include <errno.h>
#include <string.h>

#include "items.h"
#include "random.h"
#include "runner.h"

static char why[PARCEL_WHY_SIZE];

static void
write_items(const struct parcel_item *of, size_t count)
{
	struct parcel_writer writer;

	kept_size = 0;
	parcel_begin(&writer, keep, NULL);
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(parcel_put(&writer, &of[i]), 0);
	ck_assert_int_eq(parcel_end(&writer), 0);
}

/* In memory of its own size, so that a sanitizer sees what is read behind it. */
static bool
opens(size_t count)
{
	unsigned char *copy = malloc(count + 1);
	struct parcel parcel;
	bool opened;

	memcpy(copy, kept, count);
	opened = parcel_open(&parcel, copy, count, why);
	free(copy);
	return opened;
}

static void
check_items(struct parcel *parcel, const struct parcel_item *of, size_t count)
{
	struct parcel_item item;
	size_t descriptor, descriptors = 0;

	for (size_t i = 0; i < count; i++) {
		ck_assert(parcel_next(parcel, &item, &descriptor));
		assert_same_item(&item, &of[i]);
		ck_assert_uint_eq(descriptor, descriptors);
		descriptors += parcel_has_descriptor(of[i].kind);
	}
	ck_assert(!parcel_next(parcel, &item, &descriptor));
	ck_assert_uint_eq(parcel_descriptors(parcel), descriptors);
}

START_TEST(each_record_comes_back)
{
	struct parcel parcel;

	write_items(items, ITEMS);
	ck_assert_msg(parcel_open(&parcel, kept, kept_size, why), "%s", why);
	check_items(&parcel, items, ITEMS);
	parcel_rewind(&parcel);
	check_items(&parcel, items, ITEMS);
}
END_TEST

START_TEST(a_record_of_the_largest_size)
{
	static char waiting[PACKED_WAITING_MOST];
	struct parcel_item large[3];
	struct parcel parcel;

	memset(waiting, 0xff, sizeof(waiting));
	large[0] = items[0];
	large[1] = (struct parcel_item){ PARCEL_LEDGER, .ledger = { "x", CARRIES_STREAMS, 0 } };
	large[2] = (struct parcel_item){ PARCEL_CONN, .conn = { 0, { .state = CONN_BLOCKED,
	    .waiting = waiting, .waiting_size = sizeof(waiting) } } };
	write_items(large, 3);
	ck_assert_msg(parcel_open(&parcel, kept, kept_size, why), "%s", why);
	check_items(&parcel, large, 3);
}
END_TEST

START_TEST(each_cut_is_refused)
{
	size_t whole;

	write_items(items, ITEMS);
	whole = kept_size;
	for (size_t cut = 0; cut < whole; cut++) {
		ck_assert(!opens(cut));
		ck_assert_str_ne(why, "");
	}
	memset(kept + whole, 0, 8);
	for (size_t more = 1; more <= 8; more++)
		ck_assert(!opens(whole + more));
	ck_assert(opens(whole));
}
END_TEST

START_TEST(each_flipped_bit_is_refused)
{
	write_items(items, ITEMS);
	for (size_t bit = 0; bit < kept_size * 8; bit++) {
		kept[bit / 8] ^= (unsigned char)(1 << bit % 8);
		ck_assert_msg(!opens(kept_size), "bit %zu", bit);
		ck_assert_str_ne(why, "");
		kept[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	ck_assert(opens(kept_size));
}
END_TEST

/* Whatever comes together, no more is read than is there. */
START_TEST(damage_of_any_kind_is_refused)
{
	random_begin(1);
	for (int round = 0; round < 20000; round++) {
		unsigned char saved[64];
		size_t at, count = 1 + random_below(sizeof(saved));

		write_items(items, ITEMS);
		at = random_below(kept_size - count);
		memcpy(saved, kept + at, count);
		for (size_t i = 0; i < count; i++)
			kept[at + i] = (unsigned char)random_bits();
		ck_assert(!opens(kept_size) || memcmp(saved, kept + at, count) == 0);
	}
}
END_TEST

START_TEST(another_version_is_told)
{
	write_items(items, ITEMS);
	kept[8]++;
	ck_assert(!opens(kept_size));
	ck_assert_str_eq(why, "it has version 2 of its format, and this echod takes 1");
	kept[0]++;
	ck_assert(!opens(kept_size));
	ck_assert_str_eq(why, "it is no parcel of echod");
	ck_assert(!opens(0));
	ck_assert_str_eq(why, "it is no parcel of echod");
}
END_TEST

START_TEST(the_place_of_a_fault_is_told)
{
	write_items(items, ITEMS);
	for (size_t at = 0; at < kept_size - 8; at++)
		if (memcmp(kept + at, "reading", 8) == 0)
			kept[at] = 'R';
	ck_assert(!opens(kept_size));
	ck_assert_msg(strstr(why, ": the state of record 13 (connection)") != NULL, "%s", why);
	ck_assert_msg(strncmp(why, "it is damaged at byte ", 22) == 0, "%s", why);
}
END_TEST

/* What no reader would take. */
static const struct parcel_item wrong[] = {
	{ PARCEL_SERVICE, .service = { "second", 0, 0, "" } },
	{ PARCEL_SOCKET, .socket = { 0, 0, 0 } }, /* of no listener */
	{ PARCEL_CONN, .conn = { 0, { .state = CONN_READING } } }, /* of no ledger */
	{ PARCEL_PREAMBLE, .preamble = { 0, { .greeting = "" } } },
	{ PARCEL_KINDS, .ledger = { "end", 0, 0 } },
	{ PARCEL_LEDGER, .ledger = { "x", 8, 0 } },
	{ PARCEL_SOURCE, .source = { { 0, SOURCE_UID + 1 }, 0 } },
	{ PARCEL_SOURCE, .source = { { 0, SOURCE_UID }, -1 } },
	{ PARCEL_SAMPLE, .sample = { 0, PARCEL_SAMPLE_NUMBERS + 1, { 0 } } },
	{ PARCEL_LISTENER, .listener = { PACKED_ROLES, "x", PROTOCOL_TCP, "*", 0, 0, "", "", "",
	      false } },
	{ PARCEL_LISTENER, .listener = { PACKED_ECHO, "x", PROTOCOL_TCP, "*", 0, 010000, "", "",
	      "", false } },
};

START_TEST(what_nobody_would_take_is_not_written)
{
	struct parcel_writer writer;

	parcel_begin(&writer, keep, NULL);
	kept_size = 0;
	ck_assert_int_eq(parcel_put(&writer, &items[0]), 0);
	ck_assert_int_eq(parcel_put(&writer, &wrong[_i]), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(parcel_put(&writer, &items[1]), -1);
	ck_assert_int_eq(parcel_end(&writer), -1);
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

/* The same of connections, of a ledger that there is. */
static const struct packed_conn wrong_conns[] = {
	{ .state = CONN_SHAKING }, /* TLS does not travel */
	{ .state = CONN_STATE_COUNT },
	{ .state = CONN_BLOCKED }, /* by nothing */
	{ .state = CONN_READING, .waiting = "x", .waiting_size = 1 },
	{ .state = CONN_BLOCKED, .waiting = kept, .waiting_size = PACKED_WAITING_MOST + 1 },
	{ .state = CONN_READING, .reason = CLOSE_REASON_COUNT },
	{ .state = CONN_READING, .opened = -1 },
	{ .state = CONN_READING, .paid_until = INT64_MAX },
	{ .state = CONN_READING, .peer = { .in6 = { .sin6_family = AF_INET6, .sin6_addr.s6_addr =
	    { [10] = 0xff, 0xff, 127, 0, 0, 1 } } } }, /* v4-mapped */
	{ .state = CONN_READING, .peer = { .in6 = { .sin6_family = AF_INET6, .sin6_scope_id = 1,
	    .sin6_addr.s6_addr = { 0x20, 1 } } } },
};

START_TEST(a_connection_that_cannot_be_is_not_written)
{
	const struct parcel_item item = { PARCEL_CONN, .conn = { 0, wrong_conns[_i] } };
	struct parcel_writer writer;

	parcel_begin(&writer, keep, NULL);
	kept_size = 0;
	ck_assert_int_eq(parcel_put(&writer, &items[0]), 0);
	ck_assert_int_eq(parcel_put(&writer, &items[6]), 0);
	ck_assert_int_eq(parcel_put(&writer, &item), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(parcel_end(&writer), -1);
}
END_TEST

START_TEST(a_parcel_of_nothing_is_none)
{
	struct parcel_writer writer;

	kept_size = 0;
	parcel_begin(&writer, keep, NULL);
	ck_assert_int_eq(parcel_end(&writer), -1);
	ck_assert(!opens(kept_size));
}
END_TEST

static int
refuse(void *arg, const void *data, size_t count)
{
	size_t *left = arg;

	(void)data;
	if (count > *left) {
		errno = ENOSPC;
		return -1;
	}
	*left -= count;
	return 0;
}

START_TEST(what_has_no_room_is_told_at_the_end)
{
	for (size_t room = 0; room < 2000; room += 8) {
		struct parcel_writer writer;
		size_t left = room;

		parcel_begin(&writer, refuse, &left);
		for (size_t i = 0; i < ITEMS; i++)
			parcel_put(&writer, &items[i]);
		errno = 0;
		ck_assert_int_eq(parcel_end(&writer), -1);
		ck_assert_int_eq(errno, ENOSPC);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("parcel");
	TCase *tests = tcase_create("parcel");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, each_record_comes_back);
	tcase_add_test(tests, a_record_of_the_largest_size);
	tcase_add_test(tests, each_cut_is_refused);
	tcase_add_test(tests, each_flipped_bit_is_refused);
	tcase_add_test(tests, damage_of_any_kind_is_refused);
	tcase_add_test(tests, another_version_is_told);
	tcase_add_test(tests, the_place_of_a_fault_is_told);
	tcase_add_loop_test(tests, what_nobody_would_take_is_not_written, 0,
	    sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_loop_test(tests, a_connection_that_cannot_be_is_not_written, 0,
	    sizeof(wrong_conns) / sizeof(wrong_conns[0]));
	tcase_add_test(tests, a_parcel_of_nothing_is_none);
	tcase_add_test(tests, what_has_no_room_is_told_at_the_end);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
