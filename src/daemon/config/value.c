/* The values of options: see value.h. */
#include "daemon/config/value.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/config/list_text.h"
#include "net/endpoint.h"
#include "net/greeting.h"
#include "net/lists.h"
#include "net/unix_name.h"

/* The names that an option has to choose from, and the NUL. */
#define NAMES_SIZE (VALUE_RIGHT_SIZE - sizeof("give "))

_Static_assert(ADDRESS_RIGHT_SIZE <= VALUE_RIGHT_SIZE, "endpoint_check_host() writes to it");
_Static_assert(LIST_RIGHT_SIZE <= VALUE_RIGHT_SIZE, "list_append() writes to it");
_Static_assert(LIST_TEXT_ELEMENT_SIZE <= VALUE_TEXT_SIZE, "list_text_element() writes to it");
_Static_assert(PROTOCOLS_TEXT_SIZE <= NAMES_SIZE, "protocol_names() writes to it");

/* --- numbers ------------------------------------------------------------------ */

/* Decimal digits alone: no sign, no base, no leading zero, so that nothing means two things. */
static bool
parse_digits(const char *text, int max, int *value)
{
	int sum = 0;

	if (*text == '\0' || (*text == '0' && text[1] != '\0'))
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9' || sum > (max - (*text - '0')) / 10)
			return false;
		sum = sum * 10 + (*text - '0');
	}
	*value = sum;
	return true;
}

const char *
value_range(const struct option_row *row, char right[VALUE_RIGHT_SIZE])
{
	if (row->type == OPTION_PATH) {
		snprintf(right, VALUE_RIGHT_SIZE, "give an absolute path, or \"@\" and a name");
		return right;
	}
	snprintf(right, VALUE_RIGHT_SIZE, "give %s%d to %d%s%s%s%s",
	    row->zero != NULL && row->min > 0 ? "0 or " : "", row->min, row->max, row->unit,
	    row->zero != NULL ? " (0: " : "", row->zero != NULL ? row->zero : "",
	    row->zero != NULL ? ")" : "");
	return right;
}

static bool
parse_range(const struct option_row *row, const char *text, int *value, char *right)
{
	if (parse_digits(text, row->max, value) &&
	    (*value >= row->min || (*value == 0 && row->zero != NULL)))
		return true;
	value_range(row, right);
	return false;
}

static bool
parse_number(const struct option_row *row, const char *text, void *place, char *right)
{
	int value;

	if (!parse_range(row, text, &value, right))
		return false;
	*(int *)place = value;
	return true;
}

static void
format_number(const struct option_row *row, const void *place, char *text)
{
	(void)row;
	snprintf(text, VALUE_TEXT_SIZE, "%d", *(const int *)place);
}

static bool
parse_port(const struct option_row *row, const char *text, void *place, char *right)
{
	int value;

	if (!parse_range(row, text, &value, right))
		return false;
	*(uint16_t *)place = (uint16_t)value;
	return true;
}

static void
format_port(const struct option_row *row, const void *place, char *text)
{
	(void)row;
	snprintf(text, VALUE_TEXT_SIZE, "%u", (unsigned)*(const uint16_t *)place);
}

/* --- one of a few --------------------------------------------------------------- */

/* The words for yes and no are the same for all options.  Returns "true", "false" or NULL. */
static const char *
boolean_name(const char *text)
{
	static const char *const names[][2] = {
		{ "false", "true" }, { "no", "yes" }, { "off", "on" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (size_t value = 0; value < 2; value++)
			if (strcasecmp(text, names[i][value]) == 0)
				return names[0][value];
	return NULL;
}

static bool
parse_bool(const struct option_row *row, const char *text, void *place, char *right)
{
	const char *name = boolean_name(text);

	(void)row;
	if (name != NULL) {
		*(bool *)place = strcmp(name, "true") == 0;
		return true;
	}
	snprintf(right, VALUE_RIGHT_SIZE, "give true or false (or yes, no, on, off)");
	return false;
}

static void
format_bool(const struct option_row *row, const void *place, char *text)
{
	(void)row;
	snprintf(text, VALUE_TEXT_SIZE, "%s", *(const bool *)place ? "true" : "false");
}

static const char *
choice_names(const struct option_row *row, char *names)
{
	const struct option_choice *choice = row->choices;
	size_t used = (size_t)snprintf(names, NAMES_SIZE, "%s", choice->name);

	for (choice++; choice->name != NULL && used < NAMES_SIZE; choice++)
		used += (size_t)snprintf(names + used, NAMES_SIZE - used, "%s%s",
		    choice[1].name == NULL ? " or " : ", ", choice->name);
	return names;
}

static bool
parse_choice(const struct option_row *row, const char *text, void *place, char *right)
{
	const char *boolean = boolean_name(text);
	char names[NAMES_SIZE];

	for (const struct option_choice *choice = row->choices; choice->name != NULL; choice++)
		if (strcmp(text, choice->name) == 0 ||
		    (boolean != NULL && strcmp(boolean, choice->name) == 0)) {
			memcpy(place, &choice->value, sizeof(choice->value));
			return true;
		}
	snprintf(right, VALUE_RIGHT_SIZE, "give %s", choice_names(row, names));
	return false;
}

static void
format_choice(const struct option_row *row, const void *place, char *text)
{
	const struct option_choice *choice = row->choices;
	int value;

	memcpy(&value, place, sizeof(value));
	while (choice->name != NULL && choice->value != value)
		choice++;
	snprintf(text, VALUE_TEXT_SIZE, "\"%s\"", choice->name != NULL ? choice->name : "");
}

static const char *
names_of_protocols(const struct option_row *row, char *names)
{
	(void)row;
	return protocol_names(names);
}

static bool
parse_protocol(const struct option_row *row, const char *text, void *place, char *right)
{
	char names[NAMES_SIZE];

	if (protocol_parse(text, place))
		return true;
	snprintf(right, VALUE_RIGHT_SIZE, "give %s", names_of_protocols(row, names));
	return false;
}

static void
format_protocol(const struct option_row *row, const void *place, char *text)
{
	(void)row;
	snprintf(text, VALUE_TEXT_SIZE, "\"%s\"", protocol_name(*(const enum protocol *)place));
}

/* --- strings -------------------------------------------------------------------- */

static bool
parse_string(const struct option_row *row, const char *text, void *place, char *right)
{
	const int most = row->max > 0 ? row->max : VALUE_STRING_MAX;
	char *copy;

	if (strlen(text) > (size_t)most) {
		snprintf(right, VALUE_RIGHT_SIZE, "give at most %d bytes", most);
		return false;
	}
	if ((copy = strdup(text)) == NULL) {
		snprintf(right, VALUE_RIGHT_SIZE, "out of memory");
		return false;
	}
	free(*(char **)place);
	*(char **)place = copy;
	return true;
}

static void
format_string(const struct option_row *row, const void *place, char *text)
{
	(void)row;
	list_text_quote(*(char *const *)place, text);
}

static void
free_string(const struct option_row *row, void *place)
{
	(void)row;
	free(*(char **)place);
}

/* What is not there by default may be told not to be. */
static bool
may_be_empty(const struct option_row *row)
{
	return row->fallback != NULL && *row->fallback == '\0';
}

static bool
parse_address(const struct option_row *row, const char *text, void *place, char *right)
{
	char host[ADDRESS_HOST_SIZE];

	if (*text == '\0' && may_be_empty(row))
		return parse_string(row, text, place, right);
	return endpoint_check_host(text, host, right) && parse_string(row, host, place, right);
}

static bool
parse_greeting(const struct option_row *row, const char *text, void *place, char *right)
{
	const char *wanted = greeting_check(text);

	if (wanted == NULL)
		return parse_string(row, text, place, right);
	snprintf(right, VALUE_RIGHT_SIZE, "%s", wanted);
	return false;
}

/* The folder in which echod was started is not that of whoever connects. */
static bool
parse_path(const struct option_row *row, const char *text, void *place, char *right)
{
	const char *fault = *text == '\0' && may_be_empty(row) ? NULL : unix_name_fault(text);

	if (fault == NULL && *text != '\0' && *text != '/' && !unix_name_is_abstract(text))
		fault = "give an absolute path, or \"@\" and a name";
	if (fault == NULL)
		return parse_string(row, text, place, right);
	snprintf(right, VALUE_RIGHT_SIZE, "%s", fault);
	return false;
}

/* Octal digits, as chmod(1) takes them. */
static bool
parse_mode(const struct option_row *row, const char *text, void *place, char *right)
{
	const size_t length = strlen(text);
	int mode = 0;

	(void)row;
	for (const char *digit = text; *digit >= '0' && *digit <= '7' && mode <= 0777; digit++)
		mode = mode * 8 + (*digit - '0');
	if (strspn(text, "01234567") != length || length < 3 || length > 4 || mode > 0777) {
		snprintf(right, VALUE_RIGHT_SIZE, "give a mode of octal digits, 0000 to 0777");
		return false;
	}
	*(int *)place = mode;
	return true;
}

static void
format_mode(const struct option_row *row, const void *place, char *text)
{
	(void)row;
	snprintf(text, VALUE_TEXT_SIZE, "\"%04o\"", (unsigned)*(const int *)place);
}

/* --- lists ---------------------------------------------------------------------- */

static bool
parse_prefix(const struct option_row *row, const char *text, void *place, char *right)
{
	(void)row;
	return list_append(LIST_OF_PREFIXES, place, text, right);
}

static bool
parse_rule(const struct option_row *row, const char *text, void *place, char *right)
{
	(void)row;
	return list_append(LIST_OF_RULES, place, text, right);
}

static bool
parse_ports(const struct option_row *row, const char *text, void *place, char *right)
{
	(void)row;
	return list_append(LIST_OF_PORTS, place, text, right);
}

static bool
has_string(const struct string_list *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i], text) == 0)
			return true;
	return false;
}

static bool
parse_listed_string(const struct option_row *row, const char *text, void *place, char *right)
{
	if (row->may_repeat || !has_string(place, text))
		return list_append(LIST_OF_STRINGS, place, text, right);
	snprintf(right, VALUE_RIGHT_SIZE, "it is in the list twice: give it once");
	return false;
}

static enum list_kind
list_kind(const struct option_row *row)
{
	switch (row->type) {
	case OPTION_RULES:
		return LIST_OF_RULES;
	case OPTION_PREFIXES:
		return LIST_OF_PREFIXES;
	case OPTION_STRINGS:
		return LIST_OF_STRINGS;
	default:
		return LIST_OF_PORTS;
	}
}

static void
free_list(const struct option_row *row, void *place)
{
	list_clear(list_kind(row), place);
}

static void
format_list(const struct option_row *row, const void *list, char *text)
{
	list_text_write(list_kind(row), list, text, VALUE_TEXT_SIZE);
}

/* --- the types ------------------------------------------------------------------ */

static const struct type {
	size_t size;
	/* As value_parse() and value_format(), at the value's place. */
	bool (*parse)(const struct option_row *row, const char *text, void *place, char *right);
	void (*format)(const struct option_row *row, const void *place, char *text);
	/* NULL: it has nothing of its own. */
	void (*free)(const struct option_row *row, void *place);
	/* Writes what there is to choose from to `names`, of NAMES_SIZE; NULL: more than a few. */
	const char *(*names)(const struct option_row *row, char *names);
	bool is_list, is_ordered;
} types[] = {
	[OPTION_NUMBER] = { .size = sizeof(int), .parse = parse_number, .format = format_number },
	[OPTION_PORT] = { .size = sizeof(uint16_t), .parse = parse_port, .format = format_port },
	[OPTION_BOOL] = { .size = sizeof(bool), .parse = parse_bool, .format = format_bool },
	[OPTION_STRING] = { .size = sizeof(char *), .parse = parse_string,
	    .format = format_string, .free = free_string },
	[OPTION_ADDRESS] = { .size = sizeof(char *), .parse = parse_address,
	    .format = format_string, .free = free_string },
	[OPTION_GREETING] = { .size = sizeof(char *), .parse = parse_greeting,
	    .format = format_string, .free = free_string },
	[OPTION_PATH] = { .size = sizeof(char *), .parse = parse_path,
	    .format = format_string, .free = free_string },
	[OPTION_MODE] = { .size = sizeof(int), .parse = parse_mode, .format = format_mode },
	[OPTION_CHOICE] = { .size = sizeof(int), .parse = parse_choice, .format = format_choice,
	    .names = choice_names },
	[OPTION_PROTOCOL] = { .size = sizeof(enum protocol), .parse = parse_protocol,
	    .format = format_protocol, .names = names_of_protocols },
	[OPTION_PREFIXES] = { .size = LIST_SIZE, .parse = parse_prefix, .format = format_list,
	    .free = free_list, .is_list = true },
	[OPTION_RULES] = { .size = LIST_SIZE, .parse = parse_rule, .format = format_list,
	    .free = free_list, .is_list = true },
	[OPTION_PORTS] = { .size = LIST_SIZE, .parse = parse_ports, .format = format_list,
	    .free = free_list, .is_list = true },
	[OPTION_STRINGS] = { .size = LIST_SIZE, .parse = parse_listed_string,
	    .format = format_list, .free = free_list, .is_list = true, .is_ordered = true },
};

static const struct type *
type_of(const struct option_row *row)
{
	return &types[row->type];
}

static void *
place_of(const struct option_row *row, void *base)
{
	return (char *)base + row->offset;
}

static const void *
const_place_of(const struct option_row *row, const void *base)
{
	return (const char *)base + row->offset;
}

/* --- one value -------------------------------------------------------------------- */

bool
value_parse(const struct option_row *row, const char *text, void *base,
    char right[VALUE_RIGHT_SIZE])
{
	return type_of(row)->parse(row, text, place_of(row, base), right);
}

bool
value_is_list(const struct option_row *row)
{
	return type_of(row)->is_list;
}

bool
value_is_set(const struct option_row *row)
{
	return type_of(row)->is_list && !type_of(row)->is_ordered;
}

void
value_clear(const struct option_row *row, void *base)
{
	free_list(row, place_of(row, base));
}

const char *
value_format(const struct option_row *row, const void *base, char text[VALUE_TEXT_SIZE])
{
	type_of(row)->format(row, const_place_of(row, base), text);
	return text;
}

size_t
value_format_missing(const struct option_row *row, const void *base, const void *other, char *text,
    size_t size)
{
	return list_text_write_missing(list_kind(row), const_place_of(row, base),
	    const_place_of(row, other), text, size);
}

int
value_print(const struct option_row *row, const void *base, FILE *out)
{
	const void *place = const_place_of(row, base);
	char text[VALUE_TEXT_SIZE];
	int used = 2;

	if (!value_is_list(row))
		return fprintf(out, "%s", value_format(row, base, text));
	fputc('{', out);
	for (size_t i = 0; i < list_count(place); i++)
		used += fprintf(out, "%s%s", i == 0 ? "" : ", ",
		    list_text_element(list_kind(row), place, i, text));
	fputc('}', out);
	return used;
}

const char *
value_help(const struct option_row *row, char text[VALUE_RIGHT_SIZE])
{
	return row->help != NULL ? row->help : type_of(row)->names(row, text);
}

bool
value_equal(const struct option_row *row, const void *a, const void *b)
{
	char text[VALUE_TEXT_SIZE], other[VALUE_TEXT_SIZE];

	if (value_is_list(row))
		return list_equal(list_kind(row), const_place_of(row, a), const_place_of(row, b));
	return strcmp(value_format(row, a, text), value_format(row, b, other)) == 0;
}

bool
value_copy(const struct option_row *from, const void *base, const struct option_row *to,
    void *other)
{
	const void *place = const_place_of(from, base);
	char element[LIST_ELEMENT_SIZE], right[VALUE_RIGHT_SIZE];

	if (!value_is_list(from)) {
		if (type_of(from)->free != NULL)
			return value_parse(to, *(char *const *)place, other, right);
		memcpy(place_of(to, other), place, type_of(from)->size);
		return true;
	}
	value_clear(to, other);
	for (size_t i = 0; i < list_count(place); i++)
		if (!value_parse(to, list_format(list_kind(from), place, i, element), other, right))
			return false;
	return true;
}

void
value_swap(const struct option_row *row, void *a, void *b)
{
	const size_t size = type_of(row)->size;
	char kept[LIST_SIZE];

	memcpy(kept, place_of(row, a), size);
	memcpy(place_of(row, a), place_of(row, b), size);
	memcpy(place_of(row, b), kept, size);
}

/* --- all of a struct ---------------------------------------------------------------- */

/* A list that is in the table itself has no fault, and its elements are short. */
static bool
parse_list(const struct option_row *row, const char *text, void *base,
    char right[VALUE_RIGHT_SIZE])
{
	char copy[VALUE_STRING_MAX + 1];
	struct list_element element;
	struct list_text list;

	list_text_begin(&list, text, 1);
	while (list_text_next(&list, &element) == 1) {
		snprintf(copy, sizeof(copy), "%.*s", (int)element.length, element.text);
		if (!value_parse(row, copy, base, right))
			return false;
	}
	return true;
}

int
values_set_defaults(void *base, bool listen)
{
	char right[VALUE_RIGHT_SIZE];

	OPTION_FOR_EACH(row) {
		bool (*const parse)(const struct option_row *, const char *, void *, char *) =
		    value_is_list(row) ? parse_list : value_parse;

		if (option_is_of_listener(row) == listen && row->fallback != NULL &&
		    !parse(row, row->fallback, base, right))
			return -1;
	}
	return 0;
}

void
values_free(void *base, bool listen)
{
	OPTION_FOR_EACH(row)
		if (option_is_of_listener(row) == listen && type_of(row)->free != NULL)
			type_of(row)->free(row, place_of(row, base));
}
