/*
 * The values of options: how each type is read, written, compared and freed.  All of
 * this goes by the option's row; `base` is the struct that its section names, and
 * the value is at the row's place in it.
 */
#ifndef DAEMON_CONFIG_VALUE_H
#define DAEMON_CONFIG_VALUE_H

#include <stdio.h>

#include "daemon/config/options.h"

/* The longest string that an option takes, in bytes, where its row does not say more. */
#define VALUE_STRING_MAX 255

/* A value as the file writes it: quotes, four characters for each byte, the NUL. */
#define VALUE_TEXT_SIZE (OPTION_STRING_LONGEST * 4 + 3)

/* What would be right, or the help of an option, and the NUL. */
#define VALUE_RIGHT_SIZE 256

/*
 * Reads `text` into the option's place in `base`; a string is copied, and the one before
 * freed; of a list it is one element, which comes after those that it has.  Returns true,
 * or false with *base unchanged and what would be right in `right`.
 */
bool value_parse(const struct option_row *row, const char *text, void *base,
    char right[VALUE_RIGHT_SIZE]);

/* True where the value is a list.  Lists are empty before the first value_parse(). */
bool value_is_list(const struct option_row *row);

/* True where it is a list whose order makes no difference. */
bool value_is_set(const struct option_row *row);

/* Makes a list empty. */
void value_clear(const struct option_row *row, void *base);

/*
 * Writes the value in `base` to `text`, as the file would write it, and returns it; a
 * list that does not fit is cut short and ends with "...".
 */
const char *value_format(const struct option_row *row, const void *base,
    char text[VALUE_TEXT_SIZE]);

/* Prints the same to `out`, lists in full; returns how many characters it was. */
int value_print(const struct option_row *row, const void *base, FILE *out);

/*
 * Writes those elements of the list in `base` that the one in `other` has not, as the file would
 * write them, with how many more there are where not all fit in `size` >= 32.  Returns how many
 * they are.
 */
size_t value_format_missing(const struct option_row *row, const void *base, const void *other,
    char *text, size_t size);

/* Writes "give 0 or 4096 to 65536 bytes (0: no limit)" to `right`, of a number; returns it. */
const char *value_range(const struct option_row *row, char right[VALUE_RIGHT_SIZE]);

/* Returns the row's help, or writes to `text` the names that there are to choose from. */
const char *value_help(const struct option_row *row, char text[VALUE_RIGHT_SIZE]);

/* True when the values in `a` and `b` are the same. */
bool value_equal(const struct option_row *row, const void *a, const void *b);

/*
 * Gives the option `to` of `other` the value that `from`, of the same type, has in `base`.
 * Returns false when memory ran out.
 */
bool value_copy(const struct option_row *from, const void *base, const struct option_row *to,
    void *other);

/* Exchanges the option's values in `a` and `b`. */
void value_swap(const struct option_row *row, void *a, void *b);

/*
 * Sets each option of the struct `base` to its default: those of "listen" when
 * `listen` is true, else all others.  *base must be zeroed before.  Returns 0, or -1
 * when memory ran out.
 */
int values_set_defaults(void *base, bool listen);

/* Frees the strings and lists among the same options. */
void values_free(void *base, bool listen);

#endif
