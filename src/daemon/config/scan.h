/*
 * A pass over the raw text of a configuration file before libconfuse sees it.
 *
 * libconfuse 3.3 miscounts lines at comments, takes an unterminated comment for
 * the end of the file, takes a section without its "}", swallows characters that
 * it does not know, ends a string at a NUL and puts the environment into values.
 * This pass knows its tokens, not its grammar: it tells all of that, each with its
 * line, and blanks the comments.
 *
 * Lists it takes out.  Of them libconfuse would tell neither where each ends, nor
 * that there was an empty one, nor the line of one that was given before.
 */
#ifndef DAEMON_CONFIG_SCAN_H
#define DAEMON_CONFIG_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/faults.h"

/* A list, { "a", "b" }, in whose place libconfuse reads one character. */
struct config_list {
	char *text;        /* all of it, comments blanked */
	int line;          /* of its "{" */
	size_t at;         /* where that was */
	size_t assignment; /* behind which "=" libconfuse reads it, from 1; 0: it does not */
};

/* What the pass found. */
struct config_scan {
	size_t good; /* how many bytes can be read: all, but for a fault that hides what follows */
	bool cut;    /* there is such a fault */
	struct config_list *lists; /* in order */
	size_t list_count, list_room;
};

/*
 * Replaces in the `size` bytes at `text` each comment by spaces, each list by a word, and each
 * token with a fault by NULs, newlines kept; adds the faults, with `place` and, where that has
 * one, the line; and fills *result, for config_scan_free().  Returns true when there is no fault.
 */
bool config_scan(char *text, size_t size, struct place place, struct faults *faults,
    struct config_scan *result);
void config_scan_free(struct config_scan *result);

#endif
