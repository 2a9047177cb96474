/*
 * Messages of the log.  The text is what printf(3) prints, as far as it has room, and the object
 * is one line of ASCII from which each value comes back: as it was where it is UTF-8, else escaped
 * as base/escape.h does.
 */
#include <jansson.h>

#include "base/log_message.h"
#include "base/packing.h"
#include "fuzz.h"

static void
check_text(void)
{
	char text[LOG_MESSAGE_SIZE];

	log_message_text(&message, packed, text);
	fuzz_assert(strncmp(text, printed, strlen(text)) == 0);
	fuzz_assert(strlen(text) == strlen(printed) || strlen(text) > sizeof(text) / 2);
}

/* For json_decref(). */
static json_t *
read_object(void)
{
	char object[LOG_OBJECT_SIZE];
	json_t *json = json_loads(log_message_json(&message, packed, object),
	    JSON_REJECT_DUPLICATES, NULL);

	fuzz_assert(json != NULL);
	for (const char *c = object; *c != '\0'; c++)
		fuzz_assert(*c >= 0x20 && *c <= 0x7f);
	return json;
}

/* A string that was not cut comes back. */
static void
check_string(const json_t *json, const char *name, const char *value)
{
	const json_t *member = json_object_get(json, name);
	json_t *valid = json_string(value);

	fuzz_assert(json_is_string(member));
	if (valid != NULL)
		fuzz_assert(json_equal(member, valid) == 1);
	else
		for (const char *c = json_string_value(member); *c != '\0'; c++)
			fuzz_assert(*c >= 0x20 && *c < 0x7f);
	json_decref(valid);
}

static void
check_fields(const char *one, const char *two, unsigned number)
{
	json_t *json;

	pack("words: number=%u one=%s real=%.3f two=%s", number, one, number / 1000.0, two);
	check_text();
	json = read_object();
	fuzz_assert(json_integer_value(json_object_get(json, "number")) == number);
	if (strlen(one) + strlen(two) + 64 < LOG_MESSAGE_SIZE) {
		check_string(json, "one", one);
		check_string(json, "two", two);
		fuzz_assert(json_real_value(json_object_get(json, "real")) == number / 1000.0);
	}
	json_decref(json);
}

/* Whatever the text is, each of its fields is a number, and the object is one. */
static void
check_numbers(const char *fields)
{
	const char *name;
	json_t *json, *value;

	pack("%s: %s", "words", fields);
	message.has_numbers = true;
	check_text();
	json = read_object();
	json_object_foreach(json, name, value)
		fuzz_assert(json_is_integer(value) || strcmp(name, "time") == 0 ||
		    strcmp(name, "level") == 0 || strcmp(name, "message") == 0);
	json_decref(json);
	message.has_numbers = false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	const unsigned number = input_short(&input);
	char *one = input_text(&input), *two = input_text(&input);
	json_t *json;

	check_fields(one, two, number);
	check_numbers(two);
	pack("%s", one);
	check_text();
	json = read_object();
	if (strlen(one) < LOG_MESSAGE_SIZE)
		check_string(json, "message", one);
	json_decref(json);
	free(one);
	free(two);
	return 0;
}
