/*
 * Lists as values of options: their text, their elements, and the options of these
 * types, by a table and a struct of their own.
 */
#include <string.h>

#include "daemon/config/list_text.h"
#include "daemon/config/options.h"
#include "daemon/config/scan.h"
#include "daemon/config/statements.h"
#include "daemon/config/value.h"
#include "net/lists.h"
#include "net/prefix.h"
#include "runner.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

struct values {
	struct prefix_list prefixes;
	struct rule_list rules;
	struct port_list ports;
};

static const struct option_row prefixes = { "", "prefixes", OPTION_PREFIXES, ON_RELOAD, "{}",
	.offset = offsetof(struct values, prefixes) };
static const struct option_row rules = { "", "rules", OPTION_RULES, ON_RELOAD, "{}",
	.offset = offsetof(struct values, rules) };
static const struct option_row ports = { "", "ports", OPTION_PORTS, ON_RELOAD, "{}",
	.offset = offsetof(struct values, ports) };

/* --- elements -------------------------------------------------------------------- */

#define ADDRESS_WANTED "give an address or a prefix, such as 192.0.2.1, 192.0.2.0/24 or" \
	" 2001:db8::/32"
#define RULE_WANTED ADDRESS_WANTED ", or a user, such as uid:1000"
#define USER_WANTED "give the number of a user, 0 to 4294967294, such as uid:1000"
#define NO_SCOPE "a prefix has no scope: give it without \"%\" and the interface"
#define PORT_WANTED "give a port of 0 to 65535, or a range of them, such as 0-1023"

static const struct {
	const struct option_row *row;
	const char *text;
	const char *printed; /* NULL: refused */
	const char *right;
} elements[] = {
	{ &rules, "192.0.2.0/24", "{\"192.0.2.0/24\"}", NULL },
	{ &rules, "::1", "{\"::1\"}", NULL },
	{ &rules, "uid:0", "{\"uid:0\"}", NULL },
	{ &rules, "uid:4294967294", "{\"uid:4294967294\"}", NULL },
	{ &rules, "uid:4294967295", NULL, USER_WANTED },
	{ &rules, "uid:01", NULL, USER_WANTED },
	{ &rules, "uid:", NULL, USER_WANTED },
	{ &rules, "uid:-1", NULL, USER_WANTED },
	{ &rules, "uid:root", NULL, USER_WANTED },
	{ &rules, "uid:1000 ", NULL, USER_WANTED },
	{ &rules, "uid:99999999999999999999", NULL, USER_WANTED },
	{ &rules, "UID:1000", NULL, RULE_WANTED },
	{ &rules, "root", NULL, RULE_WANTED },
	{ &rules, "1000", NULL, ADDRESS_WANTED },
	{ &rules, "10.1.2.3/8", NULL,
	    "bits behind the prefix are set: give 10.0.0.0/8, or 10.1.2.3 alone" },
	{ &prefixes, "192.0.2.0/24", "{\"192.0.2.0/24\"}", NULL },
	{ &prefixes, "192.0.2.1", "{\"192.0.2.1\"}", NULL },
	{ &prefixes, "192.0.2.1/32", "{\"192.0.2.1\"}", NULL },
	{ &prefixes, "0.0.0.0/0", "{\"0.0.0.0/0\"}", NULL },
	{ &prefixes, "128.0.0.0/1", "{\"128.0.0.0/1\"}", NULL },
	{ &prefixes, "::/0", "{\"::/0\"}", NULL },
	{ &prefixes, "2001:DB8:0::/32", "{\"2001:db8::/32\"}", NULL },
	{ &prefixes, "2001:db8::1", "{\"2001:db8::1\"}", NULL },
	{ &prefixes, "::ffff:0:0/95", NULL, "bits behind the prefix are set: give ::fffe:0:0/95,"
	    " or ::ffff:0:0 alone" },
	{ &prefixes, "10.1.2.3/8", NULL,
	    "bits behind the prefix are set: give 10.0.0.0/8, or 10.1.2.3 alone" },
	{ &prefixes, "192.0.2.1/31", NULL,
	    "bits behind the prefix are set: give 192.0.2.0/31, or 192.0.2.1 alone" },
	{ &prefixes, "2001:db8::1/64", NULL,
	    "bits behind the prefix are set: give 2001:db8::/64, or 2001:db8::1 alone" },
	{ &prefixes, "::ffff:192.0.2.1", NULL,
	    "IPv4 is written without ::ffff: here: give 192.0.2.1" },
	{ &prefixes, "::ffff:192.0.2.0/120", NULL,
	    "IPv4 is written without ::ffff: here: give 192.0.2.0/24" },
	{ &prefixes, "::ffff:0:0/96", NULL, "IPv4 is written without ::ffff: here: give 0.0.0.0/0" },
	{ &prefixes, "192.0.2.0/33", NULL, "give a length of 0 to 32 behind the \"/\"" },
	{ &prefixes, "192.0.2.0/024", NULL, "give a length of 0 to 32 behind the \"/\"" },
	{ &prefixes, "192.0.2.0/", NULL, "give a length of 0 to 32 behind the \"/\"" },
	{ &prefixes, "192.0.2.0/-1", NULL, "give a length of 0 to 32 behind the \"/\"" },
	{ &prefixes, "192.0.2.0/4294967320", NULL, "give a length of 0 to 32 behind the \"/\"" },
	{ &prefixes, "::/129", NULL, "give a length of 0 to 128 behind the \"/\"" },
	{ &prefixes, "10/8", NULL, ADDRESS_WANTED },
	{ &prefixes, "010.0.0.0/8", NULL, ADDRESS_WANTED },
	{ &prefixes, "fe80::1%lo", NULL, NO_SCOPE },
	{ &prefixes, "fe80::/10%lo", NULL, NO_SCOPE },
	{ &prefixes, "fe80::%lo/10", NULL, NO_SCOPE },
	{ &prefixes, "::1%1", NULL, NO_SCOPE },
	{ &prefixes, "localhost", NULL, ADDRESS_WANTED },
	{ &prefixes, "*", NULL, ADDRESS_WANTED },
	{ &prefixes, "", NULL, ADDRESS_WANTED },
	{ &prefixes, "/8", NULL, ADDRESS_WANTED },
	{ &prefixes, "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111", NULL, ADDRESS_WANTED },
	{ &ports, "0-1023", "{\"0-1023\"}", NULL },
	{ &ports, "0-65535", "{\"0-65535\"}", NULL },
	{ &ports, "2049", "{\"2049\"}", NULL },
	{ &ports, "0", "{\"0\"}", NULL },
	{ &ports, "7-7", "{\"7\"}", NULL },
	{ &ports, "9-7", NULL, "give the lower port first: 7-9" },
	{ &ports, "65536", NULL, PORT_WANTED },
	{ &ports, "4294967303", NULL, PORT_WANTED },
	{ &ports, "0-65536", NULL, PORT_WANTED },
	{ &ports, "007", NULL, PORT_WANTED },
	{ &ports, "-7", NULL, PORT_WANTED },
	{ &ports, "7-", NULL, PORT_WANTED },
	{ &ports, "7 - 9", NULL, PORT_WANTED },
	{ &ports, "7-9-11", NULL, PORT_WANTED },
	{ &ports, "echo", NULL, PORT_WANTED },
	{ &ports, "", NULL, PORT_WANTED },
};

static char *
print(const struct option_row *row, const struct values *values)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	ck_assert_int_ge(value_print(row, values, out), 2);
	fclose(out);
	return text;
}

START_TEST(element_alone)
{
	char right[VALUE_RIGHT_SIZE] = "", text[VALUE_TEXT_SIZE], *printed;
	const struct option_row *row = elements[_i].row;
	struct values values = { .prefixes.count = 0 };
	const bool taken = value_parse(row, elements[_i].text, &values, right);

	ck_assert_msg(taken == (elements[_i].printed != NULL), "%s: %s", elements[_i].text, right);
	if (taken) {
		printed = print(row, &values);
		ck_assert_str_eq(printed, elements[_i].printed);
		ck_assert_str_eq(value_format(row, &values, text), elements[_i].printed);
		free(printed);
	} else {
		ck_assert_str_eq(right, elements[_i].right);
		ck_assert_uint_eq(values.prefixes.count + values.ports.count, 0);
	}
	value_clear(row, &values);
}
END_TEST

/* --- lists ------------------------------------------------------------------------- */

START_TEST(twice)
{
	char right[VALUE_RIGHT_SIZE];
	struct values values = { .prefixes.count = 0 };

	ck_assert(value_parse(&prefixes, "192.0.2.1", &values, right));
	ck_assert(value_parse(&prefixes, "::1", &values, right));
	ck_assert(!value_parse(&prefixes, "192.0.2.1/32", &values, right));
	ck_assert_str_eq(right, "it is in the list twice: give it once");
	ck_assert_uint_eq(values.prefixes.count, 2);
	value_clear(&prefixes, &values);
	/* The same bits are another prefix in the other family. */
	ck_assert(value_parse(&prefixes, "0.0.0.0/0", &values, right));
	ck_assert(value_parse(&prefixes, "::/0", &values, right));
	value_clear(&prefixes, &values);
	ck_assert(value_parse(&ports, "7-9", &values, right));
	ck_assert(value_parse(&ports, "7", &values, right));
	ck_assert(!value_parse(&ports, "7-9", &values, right));
	value_clear(&ports, &values);
}
END_TEST

START_TEST(the_most)
{
	char right[VALUE_RIGHT_SIZE], text[VALUE_TEXT_SIZE], *printed;
	struct values values = { .prefixes.count = 0 };

	for (int i = 0; i < LIST_MAX; i++) {
		snprintf(text, sizeof(text), "2001:db8:1234:5678:9abc:def0:1234:%x", i);
		ck_assert(value_parse(&prefixes, text, &values, right));
	}
	ck_assert(!value_parse(&prefixes, "::1", &values, right));
	ck_assert_str_eq(right, "give at most 4096 elements");
	printed = print(&prefixes, &values);
	ck_assert_ptr_nonnull(strstr(printed, ":1234:fff\"}"));
	value_format(&prefixes, &values, text);
	ck_assert_uint_gt(strlen(text), VALUE_TEXT_SIZE / 2);
	ck_assert_str_eq(text + strlen(text) - strlen("\", ...}"), "\", ...}");
	ck_assert_int_eq(strncmp(text, printed, strlen(text) - strlen("...}")), 0);
	free(printed);
	value_clear(&prefixes, &values);
	ck_assert_str_eq(value_format(&prefixes, &values, text), "{}");
}
END_TEST

START_TEST(comparing_and_swapping)
{
	char right[VALUE_RIGHT_SIZE], text[VALUE_TEXT_SIZE];
	struct values a = { .ports.count = 0 }, b = { .ports.count = 0 };

	ck_assert(value_equal(&ports, &a, &b));
	ck_assert(value_parse(&ports, "7", &a, right));
	ck_assert(!value_equal(&ports, &a, &b));
	ck_assert(value_parse(&ports, "9", &b, right));
	ck_assert(!value_equal(&ports, &a, &b));
	ck_assert(value_parse(&ports, "10-11", &b, right));
	value_swap(&ports, &a, &b);
	ck_assert_str_eq(value_format(&ports, &a, text), "{\"9\", \"10-11\"}");
	ck_assert_str_eq(value_format(&ports, &b, text), "{\"7\"}");
	value_clear(&ports, &b);
	ck_assert(value_parse(&ports, "9", &b, right));
	ck_assert(value_parse(&ports, "10-11", &b, right));
	ck_assert(value_equal(&ports, &a, &b));
	value_clear(&ports, &a);
	value_clear(&ports, &b);
}
END_TEST

/* --- their text ----------------------------------------------------------------------- */

static const struct {
	const char *text;
	const char *told; /* each element with its line, then the fault with its line */
} texts[] = {
	{ "{}", "" },
	{ "{ \n }", "" },
	{ "{a}", "1 a\n" },
	{ "{ \"a\" , 'b' ,c\n,\"d\" }", "1 a\n1 b\n1 c\n2 d\n" },
	{ "{ a, }", "1 a\n" },
	{ "{ \"\", '}', \"{,\" }", "1 \n1 }\n1 {,\n" },
	{ "{ \"\\\"\", '\\'' }", "1 \\\"\n1 \\'\n" },
	{ "{\n\"a\nb\",\n c\n}", "2 a\nb\n4 c\n" },
	{ "{ a b }", "1: \",\" is missing between two elements\n" },
	{ "{ \"a\"\n'b' }", "2: \",\" is missing between two elements\n" },
	{ "{ , }", "1: an element is missing: write { \"...\", \"...\" }\n" },
	{ "{ a,\n, b }", "1 a\n2: an element is missing: write { \"...\", \"...\" }\n" },
	{ "{ (a) }", "1: an element is missing: write { \"...\", \"...\" }\n" },
};

START_TEST(text_of_a_list)
{
	struct list_element element;
	struct list_text list;
	char told[256] = "";
	size_t used = 0;
	int got;

	list_text_begin(&list, texts[_i].text, 1);
	while ((got = list_text_next(&list, &element)) == 1)
		used += (size_t)snprintf(told + used, sizeof(told) - used, "%d %.*s\n", element.line,
		    (int)element.length, element.text);
	if (got == -1)
		snprintf(told + used, sizeof(told) - used, "%d: %s\n", list.line, list.fault);
	ck_assert_str_eq(told, texts[_i].told);
}
END_TEST

/* --- what libconfuse sees of them ------------------------------------------------------- */

static const struct place place = { .name = "FILE", .line = 1 };

START_TEST(scan)
{
	char file[] = "workers = {}\naccess { deny /* = { */ = # {\n { x, # y }\n\"}\" } }\n"
	              "x = {z} user = 1 access { y = {} allow = {\n} }";
	static const char seen[] = "workers = 0 \naccess { deny           =    \n 0         \n      }\n"
	                           "        user = 1 access {        allow = 0\n  }";
	struct faults *faults = faults_new();
	struct config_statements statements;
	struct config_scan found;

	ck_assert(config_scan(file, strlen(file), place, faults, &found));
	ck_assert(config_statements_read(file, &found, "FILE", faults, &statements));
	ck_assert_uint_eq(statements.size, strlen(seen));
	ck_assert_int_eq(memcmp(statements.text, seen, statements.size), 0);
	ck_assert_uint_eq(found.list_count, 5);
	ck_assert_str_eq(found.lists[0].text, "{}");
	ck_assert_uint_eq(found.lists[0].assignment, 1);
	ck_assert_str_eq(found.lists[1].text, "{ x,      \n\"}\" }");
	ck_assert_int_eq(found.lists[1].line, 3);
	ck_assert_uint_eq(found.lists[1].assignment, 2);
	ck_assert_uint_eq(found.lists[2].assignment, 0);
	ck_assert_uint_eq(found.lists[3].assignment, 0);
	ck_assert_str_eq(found.lists[4].text, "{\n}");
	ck_assert_int_eq(found.lists[4].line, 5);
	ck_assert_uint_eq(found.lists[4].assignment, 4);
	ck_assert_uint_eq(statements.section_count, 2);
	ck_assert(statements.sections[0].whole && !statements.sections[1].whole);
	config_statements_free(&statements);
	config_scan_free(&found);
	faults_free(faults);
}
END_TEST

START_TEST(open_list)
{
	static const char *const endings[] = { "", "x, ", "x, b {\n}", "\"}\"" };
	char file[64];

	for (int i = 0; i < COUNT(endings); i++) {
		struct faults *faults = faults_new();
		struct config_scan found;

		snprintf(file, sizeof(file), "\na = { %s", endings[i]);
		ck_assert(!config_scan(file, strlen(file), place, faults, &found));
		ck_assert(found.cut);
		ck_assert_uint_eq(found.good, strlen("\na = "));
		ck_assert_uint_eq(faults_count(faults), 1);
		ck_assert_ptr_nonnull(strstr(faults_get(faults, 0), "FILE:2: this list has no end"));
		config_scan_free(&found);
		faults_free(faults);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("lists");
	TCase *tcase = tcase_create("lists");

	tcase_add_loop_test(tcase, element_alone, 0, COUNT(elements));
	tcase_add_test(tcase, twice);
	tcase_add_test(tcase, the_most);
	tcase_add_test(tcase, comparing_and_swapping);
	tcase_add_loop_test(tcase, text_of_a_list, 0, COUNT(texts));
	tcase_add_test(tcase, scan);
	tcase_add_test(tcase, open_list);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
