/*
 * The values of options that are lists: small arrays of one type each, in the order of
 * the file, and how an element of each type is read and written.  No element but a string
 * is in a list twice.
 */
#ifndef NET_LISTS_H
#define NET_LISTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/prefix.h"
#include "net/rule.h"

struct prefix_list {
	struct prefix *items;
	size_t count;
};

struct rule_list {
	struct rule *items;
	size_t count;
};

struct port_range {
	uint16_t from, to; /* host order, from <= to */
};

struct string_list {
	char **items; /* each its own */
	size_t count;
};

struct port_list {
	struct port_range *items;
	size_t count;
};

/* Which of them a list is. */
enum list_kind { LIST_OF_PREFIXES, LIST_OF_RULES, LIST_OF_PORTS, LIST_OF_STRINGS };

/* Each has this size; zeroed it is the empty list. */
#define LIST_SIZE sizeof(struct prefix_list)

/* More elements are better written as fewer prefixes, or belong in a packet filter. */
#define LIST_MAX 4096

/* What would be right, and the NUL. */
#define LIST_RIGHT_SIZE 256

/* The longest string in a list, in bytes; none is empty. */
#define LIST_STRING_MAX 255

/* An element as the file writes it, without quotes and escapes, and the NUL. */
#define LIST_ELEMENT_SIZE (LIST_STRING_MAX + 1)

/*
 * Reads `text` as one more element of `list`.  Returns true, or false with *list
 * unchanged and what would be right in `right`.
 */
bool list_append(enum list_kind kind, void *list, const char *text, char right[LIST_RIGHT_SIZE]);

/* True where a rule is about users, or about addresses. */
bool rules_have(const struct rule_list *list, bool is_user);

/* Frees the elements: the list is empty. */
void list_clear(enum list_kind kind, void *list);

size_t list_count(const void *list);

/* True when both have the same elements in the same order. */
bool list_equal(enum list_kind kind, const void *a, const void *b);

/* True when `other` has the element at `index` < list_count(list). */
bool list_has(enum list_kind kind, const void *other, const void *list, size_t index);

/* Writes the element at `index` < list_count() to `text` and returns it. */
const char *list_format(enum list_kind kind, const void *list, size_t index,
    char text[LIST_ELEMENT_SIZE]);

#endif
