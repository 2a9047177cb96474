/* SipHash-1-3: its authors' test vector of nine bytes, and what Python has for a key of 0. */
#include "base/siphash.h"
#include "runner.h"

START_TEST(it_is_siphash_1_3)
{
	/* The key 00 01 ... 0f and the message 00 01 ... 08, their first bytes the lowest. */
	static const uint64_t key[2] = { UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908) };
	static const uint64_t zero[2] = { 0, 0 };

	ck_assert_uint_eq(siphash(key, UINT64_C(0x0706050403020100), 8),
	    UINT64_C(0x25a48eb36c063de4));
	ck_assert_uint_eq(siphash(zero, UINT64_C(0x0706050403020100), 8),
	    UINT64_C(0x75927f9d95124362));
}
END_TEST

START_TEST(the_key_counts)
{
	static const uint64_t keys[][2] = { { 0, 0 }, { 1, 0 }, { 0, 1 } };

	ck_assert_uint_ne(siphash(keys[0], 1, 0), siphash(keys[1], 1, 0));
	ck_assert_uint_ne(siphash(keys[0], 1, 0), siphash(keys[2], 1, 0));
	ck_assert_uint_ne(siphash(keys[1], 1, 0), siphash(keys[2], 1, 0));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("siphash");
	TCase *tests = tcase_create("siphash");

	tcase_add_test(tests, it_is_siphash_1_3);
	tcase_add_test(tests, the_key_counts);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
