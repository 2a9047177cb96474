/* The options by name, and what to say of a name that is none: see options.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/options.h"

/* A name as near as this to a known one was meant to be it. */
#define NEAR 2

/* Longer names are near to none. */
#define NAME_MAX_COMPARED 40

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
	return strcmp(row->section, "listen") == 0;
}

const char *
option_label(const struct option_row *row, char label[OPTION_LABEL_SIZE])
{
	snprintf(label, OPTION_LABEL_SIZE, "%s%s%s", row->section, *row->section != '\0' ? "." : "",
	    row->name);
	return label;
}

static size_t
least(size_t a, size_t b, size_t c)
{
	const size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* The edit distance of Levenshtein, one row of its matrix at a time. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_COMPARED + 1];
	const size_t width = strlen(b);

	if (strlen(a) > NAME_MAX_COMPARED || width > NAME_MAX_COMPARED)
		return NAME_MAX_COMPARED;
	for (size_t j = 0; j <= width; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= width; j++) {
			const size_t above = row[j];

			row[j] = least(above + 1, row[j - 1] + 1,
			    diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[width];
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

static bool
is_section(const char *name)
{
	OPTION_FOR_EACH(row)
		if (*row->section != '\0' && strcmp(row->section, name) == 0)
			return true;
	return false;
}

/* Returns the first row of this name in any section, or NULL. */
static const struct option_row *
find_elsewhere(const char *name)
{
	OPTION_FOR_EACH(row)
		if (strcmp(row->name, name) == 0)
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

char *
option_advise(const char *section, const char *name, bool dotted)
{
	const struct walk start = { .section = section, .dotted = dotted };
	const struct option_row *elsewhere = find_elsewhere(name);
	struct walk walk = start;
	char nearest[OPTION_LABEL_SIZE] = "", *text;
	const char *candidate;
	size_t best = NEAR + 1;

	if (*section != '\0' && is_section(name))
		return strdup("it belongs outside of all sections: is a \"}\" missing before it?");
	if (elsewhere != NULL && !(dotted && option_is_of_listener(elsewhere)))
		return advise_place(elsewhere, dotted);
	while ((candidate = walk_next(&walk)) != NULL) {
		const size_t away = distance(name, candidate);

		if (away < best) {
			best = away;
			snprintf(nearest, sizeof(nearest), "%s", candidate);
		}
	}
	if (best > NEAR)
		return list_names(start);
	return asprintf(&text, "did you mean \"%s\"?", nearest) < 0 ? NULL : text;
}
