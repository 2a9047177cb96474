/*
 * What goes to the user: faults, the JSON object, and what is left in stdout at the end.
 */
#ifndef CLIENT_REPORT_H
#define CLIENT_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "client/ending.h"

/* Prints "echod-client: TEXT" on stderr, as one line. */
void report_fault(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, and ends the program with status 2. */
void report_unusable(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/*
 * Prints `object` as one line, which it takes over; NULL, where json_pack() found no
 * memory, is told as a fault.  Returns `status`, or EXIT_WRONG where it could not.
 */
int report_json(json_t *object, FILE *stream, int status);

/* True once stdout could not be written; the errno of the first time is kept for report_flush(). */
bool report_stdout_fails(void);

/* Flushes stdout.  Returns `status`, or EXIT_WRONG with a fault where that fails. */
int report_flush(int status);

#endif
