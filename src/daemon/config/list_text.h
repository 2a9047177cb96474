/*
 * The text of a list, { "a", "b" }: taken apart into its elements, and written.  config_scan()
 * has found its end and blanked its comments.
 */
#ifndef DAEMON_CONFIG_LIST_TEXT_H
#define DAEMON_CONFIG_LIST_TEXT_H

#include <stddef.h>

#include "net/lists.h"

struct list_text {
	const char *at;    /* the rest */
	int line;          /* of `at` */
	const char *fault; /* what is wrong there, constant; NULL: nothing */
};

/* One element, without its quotes.  An escape in them is left as it is. */
struct list_element {
	const char *text; /* not ended by a NUL */
	size_t length;
	bool is_quoted; /* the quotes are on both sides of it */
	int line;
};

/* Begins with `text`, which starts with "{" on `line`; it is kept. */
void list_text_begin(struct list_text *list, const char *text, int line);

/* Returns 1 with the next element in *element, 0 at the end, or -1 with a fault in *list. */
int list_text_next(struct list_text *list, struct list_element *element);

/*
 * Writes a string as the file has it: in double quotes, with what libconfuse would take for more
 * than itself escaped.  `text` has room for four times its bytes, and three more.
 */
void list_text_quote(const char *string, char *text);

/* An element in its quotes, and the NUL. */
#define LIST_TEXT_ELEMENT_SIZE (LIST_STRING_MAX * 4 + 3)

/* Writes the element at `index` < list_count(list) to `text` and returns it. */
const char *list_text_element(enum list_kind kind, const void *list, size_t index,
    char text[LIST_TEXT_ELEMENT_SIZE]);

/* Writes a list, as far as it fits in `size` >= 32; where it does not it ends with "...". */
void list_text_write(enum list_kind kind, const void *list, char *text, size_t size);

/*
 * Writes those of its elements that `others` has not, with how many more there are where not all
 * fit.  Returns how many they are.
 */
size_t list_text_write_missing(enum list_kind kind, const void *list, const void *others,
    char *text, size_t size);

#endif
