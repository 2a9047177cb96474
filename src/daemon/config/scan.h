/*
 * A pass over the raw text of a configuration file before libconfuse sees it.
 *
 * libconfuse 3.3 miscounts lines at comments, takes an unterminated comment for
 * the end of the file, takes a section without its "}", swallows characters that
 * it does not know, ends a string at a NUL and puts the environment into values.
 * This pass knows its tokens, not its grammar: it refuses all of that and blanks
 * the comments.
 *
 * Lists it takes out.  Of them libconfuse would tell neither where each ends, nor
 * that there was an empty one, nor the line of one that was given before.
 */
#ifndef DAEMON_CONFIG_SCAN_H
#define DAEMON_CONFIG_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/* More would be another program's file; and libconfuse takes quadratic time over them. */
#define CONFIG_SECTIONS_MAX 1024

/* A list, { "a", "b" }, in whose place libconfuse reads one character. */
struct config_list {
	char *text;        /* all of it, comments blanked */
	int line;          /* of its "{" */
	size_t assignment; /* behind which "=" it stands, of all of them, from 1 */
};

/* What the pass found. */
struct config_scan {
	const char *fault; /* the first thing that is wrong, constant; NULL: nothing */
	int fault_line;    /* from 1 */
	size_t good;       /* how many bytes before the fault can be parsed: all without one */
	bool in_section;   /* they leave a section open */
	int section_lines[CONFIG_SECTIONS_MAX]; /* of each "{" outside of all others, in order */
	size_t section_count;
	struct config_list *lists; /* in order */
	size_t list_count, list_room;
};

/*
 * Replaces each comment in the `size` bytes at `text` by spaces and each list by a
 * word, newlines kept, up to the first fault, and fills *result, for
 * config_scan_free().  Returns true when there is no fault.
 */
bool config_scan(char *text, size_t size, struct config_scan *result);
void config_scan_free(struct config_scan *result);

#endif
