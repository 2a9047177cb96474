/* CRC32c: the vectors of RFC 3720, B.4, and that it may be had piece by piece. */
#include <string.h>

#include "base/crc32c.h"
#include "runner.h"

START_TEST(it_is_crc32c)
{
	uint8_t bytes[32];

	ck_assert_uint_eq(crc32c(0, "123456789", 9), 0xe3069283);
	memset(bytes, 0, sizeof(bytes));
	ck_assert_uint_eq(crc32c(0, bytes, sizeof(bytes)), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	ck_assert_uint_eq(crc32c(0, bytes, sizeof(bytes)), 0x62a8ab43);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	ck_assert_uint_eq(crc32c(0, bytes, sizeof(bytes)), 0x46dd794e);
}
END_TEST

START_TEST(pieces_come_to_the_same)
{
	static const char digits[] = "123456789";

	for (size_t i = 0; i <= 9; i++)
		ck_assert_uint_eq(crc32c(crc32c(0, digits, i), &digits[i], 9 - i), 0xe3069283);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("crc32c");
	TCase *tests = tcase_create("crc32c");

	tcase_add_test(tests, it_is_crc32c);
	tcase_add_test(tests, pieces_come_to_the_same);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
