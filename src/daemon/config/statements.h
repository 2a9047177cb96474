/*
 * A pass over the statements of a configuration file, between config_scan() and libconfuse:
 * NAME = VALUE, SECTION { and }.
 *
 * libconfuse stops at the first name that it does not know, and at the first fault of grammar,
 * and so would hide all faults behind it.  This pass tells them, each with its line, and leaves
 * the statements that have them out of what libconfuse is given to read.
 */
#ifndef DAEMON_CONFIG_STATEMENTS_H
#define DAEMON_CONFIG_STATEMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/faults.h"
#include "daemon/config/scan.h"

/* More would be another program's file; and libconfuse takes quadratic time over them. */
#define CONFIG_SECTIONS_MAX 1024

/* What is left to be parsed, line by line as in the file. */
struct config_statements {
	char *text;
	size_t size;
	bool whole; /* nothing was left out */
	struct {
		int line;   /* of its name */
		bool whole; /* it has its end, and nothing in it was left out */
	} sections[CONFIG_SECTIONS_MAX];
	size_t section_count;
};

/*
 * Goes over the first scan->good bytes of `text`, sets what scan->lists has of assignments, and
 * adds what is wrong in the file at `path`.  Returns true with *result, for
 * config_statements_free(), or false when memory ran out.
 */
bool config_statements_read(const char *text, struct config_scan *scan, const char *path,
    struct faults *faults, struct config_statements *result);
void config_statements_free(struct config_statements *statements);

#endif
