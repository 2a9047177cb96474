/*
 * What goes to the user: faults, how it ends, and what is left in stdout then.
 *
 * The object of --json is made here alone, so that there is one at each end, with all fields:
 * a mode gives its own when it is asked for them, wherever the program ends.
 */
#ifndef CLIENT_REPORT_H
#define CLIENT_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "client/ending.h"

/* What the object is made of.  What it points to must live as long as the program. */
struct report {
	const char *mode, *uri;             /* uri NULL: there are several */
	FILE *stream;                       /* where it goes */
	json_t *(*fields)(const void *arg); /* the mode's own; NULL: no memory */
	const void *arg;
};

/*
 * Lets `line` be the last one on stderr, a terminal, without an end: it takes the place of the one
 * before, and what is told next takes its own.  "" erases it.
 */
void report_line(const char *line);

/*
 * The same of several lines, with "\n" between them: they take the place of what stands, which
 * takes `rows` rows of the terminal by now; 0: as many as it had lines.
 */
void report_block(const char *lines, unsigned rows);

/*
 * Prints `text` as one line.  What is quoted in it, of the command line or a resolver, may be anything:
 * control characters are escaped.
 */
void report_text(const char *text, FILE *stream);

/* Prints "echod-client: TEXT" on stderr, as one line: control characters are escaped. */
void report_fault(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * From now on the end of the program is told by an object, whatever it is.  Before, and without,
 * it is told by text: so that wrong usage always is.
 */
void report_as_object(struct report report);

/* True where the end is told by an object. */
bool report_is_object(void);

/* A JSON string of any bytes: as they are where they are UTF-8, else escaped.  NULL: no memory. */
json_t *report_bytes(const char *data, size_t size);

/*
 * Prints the object: the mode's fields, and how it ended.  `reason` says in words what is wrong;
 * "" where nothing is, `status` then being EXIT_SUCCESS.  Returns `status`, or EXIT_WRONG where it
 * could not be printed: report_flush() tells why.
 */
int report_object(enum ending ending, const char *reason, int status);

/* Tells why the program cannot go on, as text or as the object, and ends it with status 2. */
void report_unusable(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* The same, where it is not the program itself that is at fault. */
void report_unreached(enum ending ending, const char *format, ...)
    __attribute__((noreturn, format(printf, 2, 3)));

/* Flushes stdout.  Returns `status`, or EXIT_WRONG with a fault where stdout has failed. */
int report_flush(int status);

#endif
