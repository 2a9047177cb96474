/* Messages of the log: what printf(3) would print, and an object of the same. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "base/log_message.h"
#include "base/packing.h"
#include "runner.h"

static char text[LOG_MESSAGE_SIZE], object[LOG_OBJECT_SIZE];

/* For json_decref(). */
static json_t *
read_object(void)
{
	json_error_t error;
	json_t *json = json_loads(log_message_json(&message, packed, object),
	    JSON_REJECT_DUPLICATES, &error);

	ck_assert_msg(json != NULL, "%s: %s", object, error.text);
	for (const char *c = object; *c != '\0'; c++)
		ck_assert_msg(*c >= 0x20 && *c <= 0x7f, "%s", object);
	return json;
}

static void
assert_member(const json_t *json, const char *name, const char *value)
{
	ck_assert_str_eq(json_string_value(json_object_get(json, name)), value);
}

START_TEST(an_event_as_text)
{
	pack("connection closed: peer=%s listener=%s reason=%s received=%llu sent=%llu seconds=%.3f",
	    "[::1]:7", "7", "peer", 1234567890123ULL, 0ULL, 0.0125);
	ck_assert_ptr_nonnull(message.format);
	ck_assert_str_eq(log_message_text(&message, packed, text), printed);
}
END_TEST

START_TEST(an_event_as_object)
{
	pack("connection closed: peer=%s listener=%s reason=%s received=%llu sent=%llu seconds=%.3f",
	    "[::1]:7", "7", "peer", 1234567890123ULL, 0ULL, 0.1);
	for (message.when.tv_sec--; message.when.tv_sec <= 1795675118; message.when.tv_sec++)
		log_message_json(&message, packed, object);
	message.when.tv_sec--;
	ck_assert_str_eq(log_message_json(&message, packed, object),
	    "{\"time\":\"2026-11-26T06:38:38.123Z\",\"level\":\"info\","
	    "\"message\":\"connection closed\",\"peer\":\"[::1]:7\",\"listener\":\"7\","
	    "\"reason\":\"peer\",\"received\":1234567890123,\"sent\":0,\"seconds\":0.1}");
}
END_TEST

/* A number is one whatever its value, and a string is one whatever it looks like. */
START_TEST(types_are_those_of_the_format)
{
	json_t *json;

	pack("all: a=%s b=%d c=%u d=%ld e=%lu f=%lld g=%llu h=%zu i=%.3f", "7", -1, UINT32_MAX,
	    LONG_MIN, 0UL, LLONG_MIN, (unsigned long long)LLONG_MAX, (size_t)9, -2.0);
	ck_assert_str_eq(log_message_text(&message, packed, text), printed);
	json = read_object();
	assert_member(json, "message", "all");
	assert_member(json, "a", "7");
	ck_assert_int_eq(json_integer_value(json_object_get(json, "b")), -1);
	ck_assert_int_eq(json_integer_value(json_object_get(json, "c")), UINT32_MAX);
	ck_assert_int_eq(json_integer_value(json_object_get(json, "d")), LONG_MIN);
	ck_assert(json_is_integer(json_object_get(json, "e")));
	ck_assert_int_eq(json_integer_value(json_object_get(json, "f")), LLONG_MIN);
	ck_assert_int_eq(json_integer_value(json_object_get(json, "g")), LLONG_MAX);
	ck_assert_int_eq(json_integer_value(json_object_get(json, "h")), 9);
	ck_assert(json_is_real(json_object_get(json, "i")));
	ck_assert(json_real_value(json_object_get(json, "i")) == -2.0);
	json_decref(json);
}
END_TEST

/* No value ends another one, or the line. */
START_TEST(values_may_look_like_fields)
{
	json_t *json;

	pack("option changed: name=%s old=%s new=%s", "a b=c", " new=1", "\"\\\n\x1b");
	ck_assert_str_eq(log_message_text(&message, packed, text), printed);
	json = read_object();
	assert_member(json, "name", "a b=c");
	assert_member(json, "old", " new=1");
	assert_member(json, "new", "\"\\\n\x1b");
	json_decref(json);
}
END_TEST

START_TEST(bytes_that_are_no_utf8_are_escaped)
{
	json_t *json;

	pack("odd: good=%s bad=%s", "\xc3\xa4\xf0\x9f\x90\x9f\xc2\x9b", "a\xff\xed\xa0\x80");
	ck_assert_str_eq(log_message_text(&message, packed, text), printed);
	json = read_object();
	assert_member(json, "good", "\xc3\xa4\xf0\x9f\x90\x9f\xc2\x9b");
	assert_member(json, "bad", "a\\xff\\xed\\xa0\\x80");
	json_decref(json);
	pack("%s", "\xfe");
	json = read_object();
	assert_member(json, "message", "\\xfe");
	json_decref(json);
}
END_TEST

/* Each is text alone: its object has three members. */
static void
assert_has_no_fields(void)
{
	json_t *json;

	ck_assert_ptr_null(message.format);
	ck_assert_str_eq(log_message_text(&message, packed, text), printed);
	json = read_object();
	ck_assert_uint_eq(json_object_size(json), 3);
	assert_member(json, "level", "info");
	assert_member(json, "message", printed);
	json_decref(json);
}

START_TEST(other_formats_are_text)
{
	pack("stopped");
	assert_has_no_fields();
	pack("SIGHUP: no reload in a drain");
	assert_has_no_fields();
	pack("a: b: c=%d", 1);
	assert_has_no_fields();
	pack("cannot bind: %s", strerror(EADDRINUSE));
	assert_has_no_fields();
	pack("%s: signal=%d", "SIGTERM", 15);
	assert_has_no_fields();
	pack("words: a=%d, b=%d", 1, 2);
	assert_has_no_fields();
	pack("words: a=%d  b=%d", 1, 2);
	assert_has_no_fields();
	pack("words: a=%d b=%s%s", 1, "x", "y");
	assert_has_no_fields();
	pack("words: a=%d b=%5d", 1, 2);
	assert_has_no_fields();
	pack("words: a=%x", 1U);
	assert_has_no_fields();
	pack("words: A=%d", 1);
	assert_has_no_fields();
	pack("words: =%d", 1);
	assert_has_no_fields();
	pack("words: a=%d b", 1);
	assert_has_no_fields();
	pack("words: ");
	assert_has_no_fields();
	pack("%s", "words: a=1");
	assert_has_no_fields();
}
END_TEST

/* All that has room is there, and the object is whole. */
START_TEST(what_is_too_long_is_cut)
{
	char longer[2 * LOG_MESSAGE_SIZE];
	json_t *json;

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	pack("long: a=%d b=%s c=%d d=%s", 5, longer, 7, "");
	json = read_object();
	ck_assert_int_eq(json_integer_value(json_object_get(json, "a")), 5);
	ck_assert_uint_gt(json_string_length(json_object_get(json, "b")), 900);
	ck_assert_ptr_null(json_object_get(json, "d"));
	json_decref(json);
	log_message_text(&message, packed, text);
	ck_assert_uint_gt(strlen(text), 1000);
	ck_assert_mem_eq(text, printed, strlen(text));

	pack("%s", longer);
	ck_assert_uint_eq(strlen(log_message_text(&message, packed, text)), sizeof(text) - 1);
	json = read_object();
	ck_assert_uint_eq(json_string_length(json_object_get(json, "message")), sizeof(text) - 1);
	json_decref(json);
}
END_TEST

/* The most that an object can grow by escapes. */
START_TEST(the_longest_object_has_room)
{
	char odd[2 * LOG_MESSAGE_SIZE];
	json_t *json;

	memset(odd, '\xff', sizeof(odd) - 1);
	odd[sizeof(odd) - 1] = '\0';
	pack("long: a=%s", odd);
	json = read_object();
	ck_assert_uint_gt(json_string_length(json_object_get(json, "a")), 4000);
	json_decref(json);
	memset(odd, '\x01', sizeof(odd) - 1);
	pack("long: a=%s", odd);
	json = read_object();
	ck_assert_uint_gt(json_string_length(json_object_get(json, "a")), 1000);
	json_decref(json);
}
END_TEST

START_TEST(numbers_that_are_only_known_then)
{
	json_t *json;

	pack("%s: %s", "summary", "opened=3 closed_peer=18446744073709551615 x=0");
	message.has_numbers = true;
	ck_assert_str_eq(log_message_text(&message, packed, text), printed);
	json = read_object();
	ck_assert_uint_eq(json_object_size(json), 6);
	assert_member(json, "message", "summary");
	ck_assert_int_eq(json_integer_value(json_object_get(json, "opened")), 3);
	ck_assert_int_eq(json_integer_value(json_object_get(json, "closed_peer")), LLONG_MAX);
	ck_assert_int_eq(json_integer_value(json_object_get(json, "x")), 0);
	json_decref(json);
	pack("%s: %s", "summary", "");
	json = read_object();
	ck_assert_uint_eq(json_object_size(json), 3);
	json_decref(json);
}
END_TEST

START_TEST(a_number_that_is_cut_is_none)
{
	char fields[LOG_MESSAGE_SIZE + 64] = "a=1";
	json_t *json;

	while (strlen(fields) < 1000)
		strcat(fields, " b=2");
	strcat(fields, " c=12345678901234567890");
	pack("%s: %s", "summary", fields);
	message.has_numbers = true;
	json = read_object();
	ck_assert_int_eq(json_integer_value(json_object_get(json, "b")), 2);
	ck_assert_ptr_null(json_object_get(json, "c"));
	json_decref(json);
}
END_TEST

START_TEST(null_is_printed_as_printf_does)
{
	const char *volatile none = NULL;

	pack("odd: a=%s b=%d", none, 1);
	ck_assert_str_eq(log_message_text(&message, packed, text), "odd: a=(null) b=1");
}
END_TEST

START_TEST(level_names)
{
	ck_assert_str_eq(log_level_name(LOG_ERR), "err");
	ck_assert_str_eq(log_level_name(LOG_DEBUG), "debug");
	ck_assert_str_eq(log_level_name(LOG_EMERG), "emerg");
}
END_TEST

static void *
no_memory(size_t size)
{
	(void)size;
	return NULL;
}

START_TEST(without_memory_there_is_an_object_all_the_same)
{
	json_t *json;

	pack("a: b=%d", 1);
	json_set_alloc_funcs(no_memory, free);
	log_message_json(&message, packed, object);
	json_set_alloc_funcs(malloc, free);
	json = json_loads(object, 0, NULL);
	assert_member(json, "time", "2026-11-26T06:38:38.123Z");
	assert_member(json, "level", "info");
	assert_member(json, "message", "out of memory");
	json_decref(json);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("log_message");
	TCase *tests = tcase_create("log_message");

	tcase_add_test(tests, an_event_as_text);
	tcase_add_test(tests, an_event_as_object);
	tcase_add_test(tests, types_are_those_of_the_format);
	tcase_add_test(tests, values_may_look_like_fields);
	tcase_add_test(tests, bytes_that_are_no_utf8_are_escaped);
	tcase_add_test(tests, other_formats_are_text);
	tcase_add_test(tests, what_is_too_long_is_cut);
	tcase_add_test(tests, the_longest_object_has_room);
	tcase_add_test(tests, numbers_that_are_only_known_then);
	tcase_add_test(tests, a_number_that_is_cut_is_none);
	tcase_add_test(tests, null_is_printed_as_printf_does);
	tcase_add_test(tests, without_memory_there_is_an_object_all_the_same);
	tcase_add_test(tests, level_names);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
