/* The options by name, and what to say of a name that is none: see options.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/spelling.h"
#include "daemon/config/options.h"

const struct option_row *
option_find(const char *section, const char *name)
{
	OPTION_FOR_EACH(row)
		if (strcmp(row->section, section) == 0 && strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

bool
option_is_of_listener(const struct option_row *row)
{
	return option_takes_title(row->section);
}

static bool
has_path(enum protocol protocol)
{
	return !protocol_has_ports(protocol);
}

static bool (*const uses[])(enum protocol protocol) = {
	[FOR_ALL] = NULL,
	[FOR_PORTS] = protocol_has_ports,
	[FOR_PATHS] = has_path,
	[FOR_TLS] = protocol_is_secure,
};

bool
option_is_for(const struct option_row *row, enum protocol protocol)
{
	return uses[row->use] == NULL || uses[row->use](protocol);
}

const char *
option_protocols(const struct option_row *row, char names[PROTOCOLS_TEXT_SIZE])
{
	return protocol_names_of(uses[row->use], names);
}

const char *
option_section(const char *name)
{
	OPTION_FOR_EACH(row)
		if (*row->section != '\0' && strcmp(row->section, name) == 0)
			return row->section;
	return NULL;
}

bool
option_takes_title(const char *section)
{
	return strcmp(section, "listen") == 0;
}

const char *
option_label(const struct option_row *row, char label[OPTION_LABEL_SIZE])
{
	snprintf(label, OPTION_LABEL_SIZE, "%s%s%s", row->section, *row->section != '\0' ? "." : "",
	    row->name);
	return label;
}

/* One walk over the names that may stand in a place: option names, and sections outside of all. */
struct walk {
	const char *section;
	bool dotted;
	size_t next;
	char label[OPTION_LABEL_SIZE];
};

static const char *
walk_next(struct walk *walk)
{
	while (walk->next < option_row_count) {
		const struct option_row *row = &option_rows[walk->next++];
		const bool first = row == option_rows ||
		    strcmp(row->section, row[-1].section) != 0;

		if (walk->dotted) {
			if (!option_is_of_listener(row))
				return option_label(row, walk->label);
		} else if (strcmp(row->section, walk->section) == 0) {
			return row->name;
		} else if (*walk->section == '\0' && first) {
			return row->section;
		}
	}
	return NULL;
}

static char *
list_names(struct walk walk)
{
	const char *name, *before = "give one of ";
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	bool failed;

	if (out == NULL)
		return NULL;
	while ((name = walk_next(&walk)) != NULL) {
		fprintf(out, "%s%s", before, name);
		before = ", ";
	}
	failed = ferror(out) != 0;
	if (fclose(out) == 0 && !failed)
		return text;
	free(text);
	return NULL;
}

/*
 * Returns the row of this name in any section, or NULL; where `most` is not 0, that of the
 * nearest name at least, which is less than `most` away.
 */
static const struct option_row *
find_elsewhere(const char *name, bool dotted, size_t most)
{
	const struct option_row *nearest = NULL;
	size_t best = most + 1;

	OPTION_FOR_EACH(row) {
		const size_t away = strcmp(name, row->name) == 0 ? 0 :
		    1 + spelling_distance(name, row->name);

		if (away < best && !(dotted && option_is_of_listener(row))) {
			best = away;
			nearest = row;
		}
	}
	return nearest;
}

/* The row of "limits.idle_timeout", as -o has it, or NULL. */
static const struct option_row *
find_dotted(const char *name)
{
	char label[OPTION_LABEL_SIZE];

	OPTION_FOR_EACH(row)
		if (*row->section != '\0' && strcmp(option_label(row, label), name) == 0)
			return row;
	return NULL;
}

static char *
advise_place(const struct option_row *row, bool dotted)
{
	char *text;
	int length;

	if (dotted)
		length = asprintf(&text, "did you mean \"%s.%s\"?", row->section, row->name);
	else if (*row->section == '\0')
		length = asprintf(&text, "it belongs outside of all sections");
	else
		length = asprintf(&text, "it belongs in a section: %s%s { %s = ... }", row->section,
		    option_is_of_listener(row) ? " NAME" : "", row->name);
	return length < 0 ? NULL : text;
}

/* Returns the name that is nearest, of those that may stand there, or NULL: none is near. */
static const char *
find_nearest(struct walk walk, const char *name, char nearest[OPTION_LABEL_SIZE])
{
	size_t best = SPELLING_NEAR + 1;
	const char *candidate;

	while ((candidate = walk_next(&walk)) != NULL) {
		const size_t away = spelling_distance(name, candidate);

		if (away < best) {
			best = away;
			snprintf(nearest, OPTION_LABEL_SIZE, "%s", candidate);
		}
	}
	return best <= SPELLING_NEAR ? nearest : NULL;
}

char *
option_advise(const char *section, const char *name, bool dotted)
{
	const struct walk start = { .section = section, .dotted = dotted };
	const struct option_row *elsewhere = dotted ? NULL : find_dotted(name);
	char nearest[OPTION_LABEL_SIZE], *text;

	if (*section != '\0' && option_section(name) != NULL)
		return strdup("it belongs outside of all sections: is a \"}\" missing before it?");
	if (elsewhere == NULL)
		elsewhere = find_elsewhere(name, dotted, 0);
	if (elsewhere != NULL)
		return advise_place(elsewhere, dotted);
	if (find_nearest(start, name, nearest) != NULL)
		return asprintf(&text, "did you mean \"%s\"?", nearest) < 0 ? NULL : text;
	elsewhere = find_elsewhere(name, dotted, 1 + SPELLING_NEAR);
	return elsewhere != NULL ? advise_place(elsewhere, dotted) : list_names(start);
}
