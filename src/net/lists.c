/* Lists as values: see lists.h. */
#include "net/lists.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What all lists have in common: the type of their elements is the kind's to know. */
struct any_list {
	void *items;
	size_t count;
};

_Static_assert(sizeof(struct port_list) == LIST_SIZE, "lists are copied as struct any_list");
_Static_assert(sizeof(struct rule_list) == LIST_SIZE, "lists are copied as struct any_list");
_Static_assert(sizeof(struct any_list) == LIST_SIZE, "lists are copied as struct any_list");
_Static_assert(sizeof(struct string_list) == LIST_SIZE, "lists are copied as struct any_list");
_Static_assert(PREFIX_TEXT_SIZE <= LIST_ELEMENT_SIZE, "prefix_format() writes to it");
_Static_assert(PREFIX_RIGHT_SIZE <= LIST_RIGHT_SIZE, "prefix_parse() writes to it");

/* Room for an element of any kind. */
union element {
	struct prefix prefix;
	struct rule rule;
	struct port_range ports;
	char *string;
};

static size_t
size_of(enum list_kind kind)
{
	static const size_t sizes[] = {
		[LIST_OF_PREFIXES] = sizeof(struct prefix),
		[LIST_OF_RULES] = sizeof(struct rule),
		[LIST_OF_PORTS] = sizeof(struct port_range),
		[LIST_OF_STRINGS] = sizeof(char *),
	};

	return sizes[kind];
}

static struct any_list
load(const void *list)
{
	struct any_list any;

	memcpy(&any, list, sizeof(any));
	return any;
}

static const void *
item(enum list_kind kind, const struct any_list *any, size_t index)
{
	return (const char *)any->items + index * size_of(kind);
}

/* --- port ranges ------------------------------------------------------------------ */

/* Digits without a leading zero; returns where they end, or NULL. */
static const char *
parse_port(const char *text, uint16_t *port)
{
	unsigned value = 0;

	if (*text < '0' || *text > '9' || (*text == '0' && text[1] >= '0' && text[1] <= '9'))
		return NULL;
	for (; *text >= '0' && *text <= '9'; text++) {
		value = value * 10 + (unsigned)(*text - '0');
		if (value > UINT16_MAX)
			return NULL;
	}
	*port = (uint16_t)value;
	return text;
}

static bool
parse_ports(struct port_range *range, const char *text, char right[LIST_RIGHT_SIZE])
{
	const char *rest;

	*range = (struct port_range){ 0, 0 };
	rest = parse_port(text, &range->from);
	range->to = range->from;
	if (rest != NULL && *rest == '-')
		rest = parse_port(rest + 1, &range->to);
	if (rest == NULL || *rest != '\0') {
		snprintf(right, LIST_RIGHT_SIZE,
		    "give a port of 0 to 65535, or a range of them, such as 0-1023");
		return false;
	}
	if (range->from > range->to) {
		snprintf(right, LIST_RIGHT_SIZE, "give the lower port first: %u-%u",
		    (unsigned)range->to, (unsigned)range->from);
		return false;
	}
	return true;
}

static const char *
format_ports(const struct port_range *range, char text[LIST_ELEMENT_SIZE])
{
	if (range->from == range->to)
		snprintf(text, LIST_ELEMENT_SIZE, "%u", (unsigned)range->from);
	else
		snprintf(text, LIST_ELEMENT_SIZE, "%u-%u", (unsigned)range->from,
		    (unsigned)range->to);
	return text;
}

/* --- strings ------------------------------------------------------------------------ */

static bool
parse_string(char **string, const char *text, char right[LIST_RIGHT_SIZE])
{
	const size_t length = strlen(text);

	*string = NULL;
	if (length == 0 || length > LIST_STRING_MAX) {
		snprintf(right, LIST_RIGHT_SIZE, "give 1 to %d bytes", LIST_STRING_MAX);
		return false;
	}
	*string = strdup(text);
	if (*string == NULL)
		snprintf(right, LIST_RIGHT_SIZE, "out of memory");
	return *string != NULL;
}

static const char *
string_at(const void *element)
{
	return *(char *const *)element;
}

/* --- what differs by kind ------------------------------------------------------------ */

static bool
parse(enum list_kind kind, union element *element, const char *text, char right[LIST_RIGHT_SIZE])
{
	switch (kind) {
	case LIST_OF_PREFIXES:
		return prefix_parse(&element->prefix, text, right);
	case LIST_OF_RULES:
		return rule_parse(&element->rule, text, right);
	case LIST_OF_STRINGS:
		return parse_string(&element->string, text, right);
	case LIST_OF_PORTS:
		break;
	}
	return parse_ports(&element->ports, text, right);
}

static bool
same(enum list_kind kind, const void *a, const void *b)
{
	const struct port_range *ports = a, *others = b;

	switch (kind) {
	case LIST_OF_PREFIXES:
		return prefix_equal(a, b);
	case LIST_OF_RULES:
		return rule_equal(a, b);
	case LIST_OF_STRINGS:
		return strcmp(string_at(a), string_at(b)) == 0;
	case LIST_OF_PORTS:
		break;
	}
	return ports->from == others->from && ports->to == others->to;
}

const char *
list_format(enum list_kind kind, const void *list, size_t index, char text[LIST_ELEMENT_SIZE])
{
	const struct any_list any = load(list);
	const void *element = item(kind, &any, index);

	switch (kind) {
	case LIST_OF_PREFIXES:
		return prefix_format(element, text);
	case LIST_OF_RULES:
		return rule_format(element, text);
	case LIST_OF_STRINGS:
		snprintf(text, LIST_ELEMENT_SIZE, "%s", string_at(element));
		return text;
	case LIST_OF_PORTS:
		break;
	}
	return format_ports(element, text);
}

/* --- all lists --------------------------------------------------------------------------- */

static bool
has(enum list_kind kind, const struct any_list *any, const union element *element)
{
	for (size_t i = 0; i < any->count; i++)
		if (same(kind, item(kind, any, i), element))
			return true;
	return false;
}

/* Room doubles: there is some while the count is no power of two. */
static bool
make_room(enum list_kind kind, struct any_list *any)
{
	void *items;

	if ((any->count & (any->count - 1)) != 0)
		return true;
	items = reallocarray(any->items, any->count == 0 ? 1 : any->count * 2, size_of(kind));
	if (items == NULL)
		return false;
	any->items = items;
	return true;
}

/* Takes over the element, or writes to `right` why not. */
static bool
take(enum list_kind kind, void *list, const union element *element, char right[LIST_RIGHT_SIZE])
{
	struct any_list any = load(list);

	if (kind != LIST_OF_STRINGS && has(kind, &any, element)) {
		snprintf(right, LIST_RIGHT_SIZE, "it is in the list twice: give it once");
		return false;
	}
	if (any.count == LIST_MAX) {
		snprintf(right, LIST_RIGHT_SIZE, "give at most %d elements", LIST_MAX);
		return false;
	}
	if (!make_room(kind, &any)) {
		snprintf(right, LIST_RIGHT_SIZE, "out of memory");
		return false;
	}
	memcpy((char *)any.items + any.count * size_of(kind), element, size_of(kind));
	any.count++;
	memcpy(list, &any, sizeof(any));
	return true;
}

bool
list_append(enum list_kind kind, void *list, const char *text, char right[LIST_RIGHT_SIZE])
{
	union element element;

	if (!parse(kind, &element, text, right))
		return false;
	if (take(kind, list, &element, right))
		return true;
	if (kind == LIST_OF_STRINGS)
		free(element.string);
	return false;
}

void
list_clear(enum list_kind kind, void *list)
{
	const struct any_list any = load(list);

	for (size_t i = 0; kind == LIST_OF_STRINGS && i < any.count; i++)
		free(((char **)any.items)[i]);
	free(any.items);
	memset(list, 0, LIST_SIZE);
}

size_t
list_count(const void *list)
{
	return load(list).count;
}

/* As a rule it is at the same place or near to it. */
bool
list_has(enum list_kind kind, const void *other, const void *list, size_t index)
{
	const struct any_list any = load(list), others = load(other);
	const void *element = item(kind, &any, index);

	for (size_t i = 0; i < others.count; i++)
		if (same(kind, item(kind, &others, (index + i) % others.count), element))
			return true;
	return false;
}

bool
list_equal(enum list_kind kind, const void *a, const void *b)
{
	const struct any_list x = load(a), y = load(b);

	if (x.count != y.count)
		return false;
	for (size_t i = 0; i < x.count; i++)
		if (!same(kind, item(kind, &x, i), item(kind, &y, i)))
			return false;
	return true;
}

bool
rules_have(const struct rule_list *list, bool is_user)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].is_user == is_user)
			return true;
	return false;
}
