/*
 * The options of the configuration, one row each: name, type, range, default,
 * whether a reload changes it, and what it is for.  Whatever knows an option by
 * name (the parser, the dump, -o, a reload) reads these rows and nothing else.
 */
#ifndef DAEMON_CONFIG_OPTIONS_H
#define DAEMON_CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum option_type {
	OPTION_NUMBER,  /* int */
	OPTION_PORT,    /* uint16_t */
	OPTION_BOOL,    /* bool */
	OPTION_STRING,  /* char * */
	OPTION_ADDRESS, /* char *: numeric, "*" or "localhost" */
	OPTION_CHOICE,  /* an int or an enum, by a name of `choices` */
	/* Lists, each with its own element: see lists.h. */
	OPTION_PREFIXES, /* struct prefix_list: "10.0.0.0/8" */
	OPTION_PORTS,    /* struct port_list: "0-1023" */
};

struct option_choice {
	const char *name; /* NULL ends the list */
	int value;
};

struct option_row {
	const char *section; /* "": none; "listen": in struct listen_config */
	const char *name;
	enum option_type type;
	bool reloadable;      /* false: only a restart changes it */
	const char *fallback; /* the default as text, of a list as the file writes it;
	                       * NULL: the option must be given */
	size_t offset;        /* in its struct */
	int min, max;         /* OPTION_NUMBER, OPTION_PORT */
	const char *unit;     /* the same: " seconds", "" */
	const char *zero;     /* the same: what 0 stands for, also below `min`; NULL: nothing */
	const struct option_choice *choices;
	const char *help; /* one short line */
};

extern const struct option_row option_rows[];
extern const size_t option_row_count;

#define OPTION_FOR_EACH(row)                                      \
	for (const struct option_row *(row) = option_rows;        \
	     (row) < option_rows + option_row_count; (row)++)

/* The longest string that an option takes, in bytes. */
#define OPTION_STRING_MAX 255

/* A value as the file writes it: quotes, four characters for each byte, the NUL. */
#define OPTION_TEXT_SIZE (OPTION_STRING_MAX * 4 + 3)

/* What would be right, and the NUL. */
#define OPTION_RIGHT_SIZE 256

/* Room for "limits.socket_buffer", and the NUL. */
#define OPTION_LABEL_SIZE 64

/*
 * Reads `text` into the option's place in `base`, the struct that its section
 * names; a string is copied, and the one before freed; of a list it is one element,
 * which comes after those that it has.  Returns true, or false with *base unchanged and
 * what would be right in `right`.
 */
bool option_parse(const struct option_row *row, const char *text, void *base,
    char right[OPTION_RIGHT_SIZE]);

/* True where the value is a list.  Lists are empty before the first option_parse(). */
bool option_is_list(const struct option_row *row);

/* Makes a list empty. */
void option_clear(const struct option_row *row, void *base);

/*
 * Writes the value in `base` to `text`, as the file would write it, and returns it; a
 * list that does not fit is cut short and ends with "...".
 */
const char *option_format(const struct option_row *row, const void *base,
    char text[OPTION_TEXT_SIZE]);

/* Prints the same to `out`, lists in full; returns how many characters it was. */
int option_print(const struct option_row *row, const void *base, FILE *out);

/* True when the values in `a` and `b` are the same. */
bool option_equal(const struct option_row *row, const void *a, const void *b);

/*
 * Sets each option of the struct `base` to its default: those of "listen" when
 * `listen` is true, else all others.  *base must be zeroed before.  Returns 0, or -1
 * when memory ran out.
 */
int option_set_defaults(void *base, bool listen);

/* Frees the strings and lists among the same options. */
void option_free_values(void *base, bool listen);

/* Exchanges the option's values in `a` and `b`. */
void option_swap(const struct option_row *row, void *a, void *b);

/* True for the options that are in a `listen` section. */
bool option_is_of_listener(const struct option_row *row);

/* Returns the row of this section and name, or NULL. */
const struct option_row *option_find(const char *section, const char *name);

/* Writes "limits.connections" or "user" to `label` and returns it. */
const char *option_label(const struct option_row *row, char label[OPTION_LABEL_SIZE]);

/*
 * Returns advice on the unknown `name` in `section` ("": outside of all), for
 * free(), or NULL when memory ran out: the name that was meant, or those that there
 * are.  Where `dotted` is true, names are those of -o: "limits.connections".
 */
char *option_advise(const char *section, const char *name, bool dotted);

#endif
