/* The list of endings: its words are told apart and in the manual, its statuses are right. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/ending.h"
#include "runner.h"

#define X(name, word, status) +1
enum { COUNT = ENDINGS(X) };
#undef X

START_TEST(each_word_is_of_one_ending)
{
	for (int i = 0; i < COUNT; i++)
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(ending_word((enum ending)i), ending_word((enum ending)j));
}
END_TEST

static char *
read_manual(void)
{
	const char *top = getenv("srcdir");
	static char text[1 << 17], path[4096];
	FILE *file;

	ck_assert_msg(top != NULL, "srcdir: the top folder");
	snprintf(path, sizeof(path), "%s/man/echod-client.1", top);
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	ck_assert(feof(file));
	fclose(file);
	return text;
}

START_TEST(each_word_is_in_the_manual)
{
	const char *json = strstr(read_manual(), "\n.Sh JSON OUTPUT\n");
	char item[64];

	ck_assert_ptr_nonnull(json);
	for (int i = 0; i < COUNT; i++) {
		snprintf(item, sizeof(item), "Li %s\n", ending_word((enum ending)i));
		ck_assert_msg(strstr(json, item) != NULL, "echod-client(1) lacks %s", item);
	}
}
END_TEST

START_TEST(what_an_errno_means)
{
	ck_assert_int_eq(ending_of_error(0), ENDING_CLOSED);
	ck_assert_int_eq(ending_of_error(ECONNRESET), ENDING_RESET);
	ck_assert_int_eq(ending_of_error(EPIPE), ENDING_RESET);
	ck_assert_int_eq(ending_of_error(ECONNREFUSED), ENDING_REFUSED);
	ck_assert_int_eq(ending_of_error(EHOSTUNREACH), ENDING_LOST);
	ck_assert_int_eq(ending_of_error(ERROR_CUT), ENDING_CUT);
	ck_assert_int_eq(ending_of_error(ERROR_UNGREETED), ENDING_UNGREETED);
	ck_assert_int_eq(ending_of_error(ERROR_UNSECURED), ENDING_UNSECURED);
}
END_TEST

START_TEST(statuses)
{
	ck_assert_int_eq(ending_status(ENDING_DONE, false), 0);
	ck_assert_int_eq(ending_status(ENDING_STDOUT_CLOSED, true), 0);
	ck_assert_int_eq(ending_status(ENDING_DIFFERENCE, true), 1);
	ck_assert_int_eq(ending_status(ENDING_TIMEOUT, false), 1);
	ck_assert_int_eq(ending_status(ENDING_REFUSED, false), 2);
	ck_assert_int_eq(ending_status(ENDING_REFUSED, true), 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ending");
	TCase *cases = tcase_create("ending");

	tcase_add_test(cases, each_word_is_of_one_ending);
	tcase_add_test(cases, each_word_is_in_the_manual);
	tcase_add_test(cases, what_an_errno_means);
	tcase_add_test(cases, statuses);
	suite_add_tcase(suite, cases);
	return run_suite(suite);
}
