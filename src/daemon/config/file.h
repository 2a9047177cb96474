/*
 * What a configuration file says, before anyone judges it: each option with its
 * value as text and its line.  Here ends what libconfuse is trusted with: it
 * knows the grammar, options.c knows the values.
 */
#ifndef DAEMON_CONFIG_FILE_H
#define DAEMON_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/faults.h"
#include "daemon/config/config.h"
#include "daemon/config/options.h"

/* A section that the file opens, in the order of the file. */
struct config_section {
	const char *name; /* as in option_rows */
	char *title;      /* of `listen`; else NULL */
	int line;         /* of its name */
	bool whole;       /* false: a fault took its end, or something in it */
	size_t first_entry, entry_count; /* those in it, side by side */
};

/* One NAME = VALUE, in the order of the file. */
struct config_entry {
	const struct option_row *row;
	char *value;  /* of a list all its text, for list_text_begin() */
	bool is_list; /* written in braces */
	int line;
};

struct config_file {
	struct config_section *sections;
	size_t section_count;
	struct config_entry *entries;
	size_t entry_count, entry_room;
	bool whole; /* false: faults were added, and what has them is missing */
};

/*
 * Reads the file of `source`.  What keeps it, or parts of it, from being read or parsed
 * becomes faults; `file` then has the rest.  A missing file is no fault and an
 * empty one where `source` can do without.  Call config_file_free() in any case.
 */
void config_file_read(struct config_file *file, const struct config_source *source,
    struct faults *faults);
void config_file_free(struct config_file *file);

/*
 * The user that this process is, or "" where that is not known.  A start may ask the user
 * database, which a reload does not wait for.
 */
const char *config_own_name(const struct config_source *source);

/*
 * Reads `text`, the value of a -o, in the file's syntax; `place` is that -o.  Returns
 * true with value and is_list in *entry, the value for free(), or false with a fault
 * added.
 */
bool config_value_read(struct config_entry *entry, const char *text, struct place place,
    struct faults *faults);

#endif
