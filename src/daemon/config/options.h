/*
 * The options of the configuration, one row each: name, type, range, default,
 * what it takes to change it, and what it is for.  Whatever knows an option by
 * name (the parser, the dump, -o, a reload) reads these rows and nothing else.
 */
#ifndef DAEMON_CONFIG_OPTIONS_H
#define DAEMON_CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "net/protocol.h"

enum option_type {
	OPTION_NUMBER,  /* int */
	OPTION_PORT,    /* uint16_t */
	OPTION_BOOL,    /* bool */
	OPTION_STRING,  /* char * */
	OPTION_ADDRESS, /* char *: numeric, "*" or "localhost" */
	OPTION_GREETING, /* char *: greeting.h */
	OPTION_PATH,    /* char *: an absolute path, or "@" and a name */
	OPTION_MODE,    /* int: "0660" */
	OPTION_CHOICE,  /* an int or an enum, by a name of `choices` */
	OPTION_PROTOCOL, /* enum protocol */
	/* Lists, each with its own element: see lists.h. */
	OPTION_PREFIXES, /* struct prefix_list: "10.0.0.0/8" */
	OPTION_RULES,    /* struct rule_list: the same, and "uid:1000" */
	OPTION_PORTS,    /* struct port_list: "0-1023" */
	OPTION_STRINGS,  /* struct string_list: of an order that matters */
};

/* When another value takes effect. */
enum option_effect {
	ON_RESTART, /* not before */
	ON_RELOAD,  /* in place */
	ON_BIND,    /* of a listener: on a reload, which binds new sockets for it */
	ON_ADDRESS, /* the same, for what it does not have yet of what this means then */
};

/* Of a listener: for which protocols. */
enum option_use { FOR_ALL, FOR_PORTS, FOR_PATHS, FOR_TLS };

/* The longest string that a row allows, in bytes. */
#define OPTION_STRING_LONGEST 1023

struct option_choice {
	const char *name; /* NULL ends the list */
	int value;
};

struct option_row {
	const char *section; /* "": none; "listen": in struct listen_config */
	const char *name;
	enum option_type type;
	enum option_effect effect;
	const char *fallback; /* the default as text, of a list as the file writes it;
	                       * NULL: the option must be given */
	size_t offset;        /* in its struct */
	enum option_use use;
	int min, max;         /* OPTION_NUMBER, OPTION_PORT; of a string's bytes, 0: as usual */
	bool may_repeat;      /* OPTION_STRINGS: an element may */
	const char *unit;     /* the same: " seconds", "" */
	const char *zero;     /* the same: what 0 stands for, also below `min`; NULL: nothing */
	const struct option_choice *choices;
	const char *help; /* one short line; NULL: the names that there are to choose from */
};

extern const struct option_row option_rows[];
extern const size_t option_row_count;

#define OPTION_FOR_EACH(row)                                      \
	for (const struct option_row *(row) = option_rows;        \
	     (row) < option_rows + option_row_count; (row)++)

/* Room for "limits.socket_buffer", and the NUL. */
#define OPTION_LABEL_SIZE 64

/* True for the options that are in a `listen` section. */
bool option_is_of_listener(const struct option_row *row);

/* True where a listener of `protocol` may have it. */
bool option_is_for(const struct option_row *row, enum protocol protocol);

/* Writes the names of those, not of all, to `names` and returns it. */
const char *option_protocols(const struct option_row *row, char names[PROTOCOLS_TEXT_SIZE]);

/* Returns the row of this section and name, or NULL. */
const struct option_row *option_find(const char *section, const char *name);

/* Returns the section of this name as the rows have it, or NULL. */
const char *option_section(const char *name);

/* True for the section that is written with a title, as there may be many. */
bool option_takes_title(const char *section);

/* Writes "limits.connections" or "user" to `label` and returns it. */
const char *option_label(const struct option_row *row, char label[OPTION_LABEL_SIZE]);

/*
 * Returns advice on the unknown `name` in `section` ("": outside of all), for
 * free(), or NULL when memory ran out: the name that was meant, or those that there
 * are.  Where `dotted` is true, names are those of -o: "limits.connections".
 */
char *option_advise(const char *section, const char *name, bool dotted);

#endif
