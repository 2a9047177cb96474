/* Sizes of messages: how they are written, and which message has which. */
#include "client/bench/load/mix.h"
#include "runner.h"

static struct mix mix;

static const struct {
	const char *text;
	size_t count, longest, shortest; /* count 0: refused */
} lists[] = {
	{ "64", 1, 64, 64 }, { "1", 1, 1, 1 }, { "16K", 1, 16384, 16384 }, { "1m", 1, 1048576, 1048576 },
	{ "64M", 1, 67108864, 67108864 }, { "64:9,16K:1", 2, 16384, 64 }, { "64,128,256", 3, 256, 64 },
	{ "64:1000000", 1, 64, 64 }, { "", 0, 0, 0 }, { "0", 0, 0, 0 }, { "64:", 0, 0, 0 },
	{ "64:0", 0, 0, 0 }, { "64,", 0, 0, 0 }, { ",64", 0, 0, 0 }, { "65M", 0, 0, 0 },
	{ "67108865", 0, 0, 0 }, { "99999999999999999999", 0, 0, 0 },
	{ "18446744073709551617K", 0, 0, 0 }, { "-1", 0, 0, 0 }, { "64B", 0, 0, 0 },
	{ "64 ", 0, 0, 0 }, { " 64", 0, 0, 0 }, { "0x40", 0, 0, 0 }, { "64:1000001", 0, 0, 0 },
	{ "1.5K", 0, 0, 0 }, { "64:9:1", 0, 0, 0 }, { "64KK", 0, 0, 0 },
	{ "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", 16, 16, 1 },
	{ "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", 0, 0, 0 },
};

static size_t
shortest(void)
{
	size_t bytes = mix.rows[0].bytes;

	for (size_t i = 1; i < mix.count; i++)
		bytes = mix.rows[i].bytes < bytes ? mix.rows[i].bytes : bytes;
	return bytes;
}

START_TEST(list)
{
	const char *fault = mix_parse(&mix, lists[_i].text);

	if (lists[_i].count == 0) {
		ck_assert_msg(fault != NULL, "%s", lists[_i].text);
		return;
	}
	ck_assert_msg(fault == NULL, "%s", lists[_i].text);
	ck_assert_uint_eq(mix.count, lists[_i].count);
	ck_assert_uint_eq(mix_longest(&mix), lists[_i].longest);
	ck_assert_uint_eq(shortest(), lists[_i].shortest);
}
END_TEST

/* Both directions ask for it, at any time. */
START_TEST(a_message_keeps_its_size)
{
	ck_assert_ptr_null(mix_parse(&mix, "64:9,16K:1,1:5"));
	for (uint64_t number = 0; number < 1000; number++)
		ck_assert_uint_eq(mix_pick(&mix, 7, number), mix_pick(&mix, 7, number));
}
END_TEST

static size_t
count_large(uint64_t connection)
{
	size_t large = 0;

	for (uint64_t number = 0; number < 10000; number++)
		large += mix_pick(&mix, connection, number) == 16384;
	return large;
}

/* A tenth; and not the same ones on each connection, which would come in waves. */
START_TEST(weights)
{
	size_t same = 0;

	ck_assert_ptr_null(mix_parse(&mix, "64:9,16K:1"));
	for (uint64_t connection = 0; connection < 8; connection++) {
		ck_assert_uint_ge(count_large(connection), 850);
		ck_assert_uint_le(count_large(connection), 1150);
	}
	for (uint64_t number = 0; number < 10000; number++)
		same += mix_pick(&mix, 0, number) == 16384 && mix_pick(&mix, 1, number) == 16384;
	ck_assert_uint_le(same, 200);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mix");
	TCase *tests = tcase_create("mix");

	tcase_add_loop_test(tests, list, 0, sizeof(lists) / sizeof(lists[0]));
	tcase_add_test(tests, a_message_keeps_its_size);
	tcase_add_test(tests, weights);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
