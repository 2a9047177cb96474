/* The sizes of messages, as the command line has them. */
#include "client/measure/sizes.h"

#include <string.h>

#include "runner.h"

static const struct {
	const char *text;
	size_t count, least, most;
	size_t of[5]; /* the first messages */
} right[] = {
	{ "64", 1, 64, 64, { 64, 64, 64, 64, 64 } },
	{ "64,1400", 2, 64, 1400, { 64, 1400, 64, 1400, 64 } },
	{ "100-130:10", 4, 100, 130, { 100, 110, 120, 130, 100 } },
	{ "100-135:10", 4, 100, 130, { 100, 110, 120, 130, 100 } },
	{ "16-18,65507", 4, 16, 65507, { 16, 17, 18, 65507, 16 } },
	{ "20-20:7", 1, 20, 20, { 20, 20, 20, 20, 20 } },
	{ "16-4111", 4096, 16, 4111, { 16, 17, 18, 19, 20 } },
};

START_TEST(what_is_right)
{
	struct sizes sizes;

	ck_assert_ptr_null(sizes_parse(&sizes, right[_i].text));
	ck_assert_uint_eq(sizes.count, right[_i].count);
	ck_assert_uint_eq(sizes_least(&sizes), right[_i].least);
	ck_assert_uint_eq(sizes_most(&sizes), right[_i].most);
	for (uint64_t seq = 1; seq <= 5; seq++)
		ck_assert_uint_eq(sizes_of(&sizes, seq), right[_i].of[seq - 1]);
	ck_assert_uint_eq(sizes_at(&sizes, sizes_place(&sizes, sizes.count)), sizes_of(&sizes,
	    sizes.count));
}
END_TEST

static const char *const wrong[] = {
	"", "15", "65508", "64,", ",64", "64,,64", "64-", "-64", "200-100", "64-128:", "64-128:0",
	"64-128:x", "64:8", "64 ", " 64", "+64", "0x40", "64-128-256", "16-4112", "16-65507,16",
	"99999999999999999999", "64;128",
};

START_TEST(what_is_wrong)
{
	struct sizes sizes;
	const char *fault = sizes_parse(&sizes, wrong[_i]);

	ck_assert_msg(fault != NULL && *fault != '\0', "\"%s\" is taken", wrong[_i]);
}
END_TEST

START_TEST(a_list_has_so_many_parts)
{
	char text[3 * SIZES_PARTS_MOST + 3];
	struct sizes sizes;

	for (size_t i = 0; i <= SIZES_PARTS_MOST; i++)
		memcpy(text + 3 * i, "64,", 3);
	text[3 * SIZES_PARTS_MOST - 1] = '\0';
	ck_assert_ptr_null(sizes_parse(&sizes, text));
	ck_assert_uint_eq(sizes.count, SIZES_PARTS_MOST);
	text[3 * SIZES_PARTS_MOST - 1] = ',';
	text[3 * SIZES_PARTS_MOST + 2] = '\0';
	ck_assert_ptr_nonnull(sizes_parse(&sizes, text));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sizes");
	TCase *tests = tcase_create("sizes");

	tcase_add_loop_test(tests, what_is_right, 0, sizeof(right) / sizeof(right[0]));
	tcase_add_loop_test(tests, what_is_wrong, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(tests, a_list_has_so_many_parts);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
