/*
 * The text of a list, { "a", "b" }, taken apart into its elements.  config_scan() has
 * found its end and blanked its comments.
 */
#ifndef DAEMON_CONFIG_LIST_TEXT_H
#define DAEMON_CONFIG_LIST_TEXT_H

#include <stddef.h>

struct list_text {
	const char *at;    /* the rest */
	int line;          /* of `at` */
	const char *fault; /* what is wrong there, constant; NULL: nothing */
};

/* One element, without its quotes.  An escape in them is left as it is: no element has one. */
struct list_element {
	const char *text; /* not ended by a NUL */
	size_t length;
	int line;
};

/* Begins with `text`, which starts with "{" on `line`; it is kept. */
void list_text_begin(struct list_text *list, const char *text, int line);

/* Returns 1 with the next element in *element, 0 at the end, or -1 with a fault in *list. */
int list_text_next(struct list_text *list, struct list_element *element);

#endif
