/* The census in the text format of Prometheus: see exposition.h. */
#include "daemon/observe/exposition.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What a hundred series need: bytes. */
#define FIRST_SIZE 8192

/* The most digits of a number, and its point. */
#define NUMBER_SIZE 24

/* Grows as it is written. */
struct text {
	char *data;
	size_t used, size;
	bool lacks_memory; /* nothing more is written */
};

/* --- writing -------------------------------------------------------------------------------- */

static bool
has_room(struct text *text, size_t more)
{
	size_t size = text->size > 0 ? text->size : FIRST_SIZE;
	char *data;

	if (text->size - text->used >= more)
		return !text->lacks_memory;
	while (size - text->used < more)
		size *= 2;
	data = realloc(text->data, size);
	if (data == NULL) {
		text->lacks_memory = true;
		text->size = text->used;
		return false;
	}
	text->data = data;
	text->size = size;
	return true;
}

static void
add(struct text *text, const char *bytes, size_t count)
{
	if (!has_room(text, count))
		return;
	memcpy(text->data + text->used, bytes, count);
	text->used += count;
}

static void
add_string(struct text *text, const char *string)
{
	add(text, string, strlen(string));
}

static void
add_label_value(struct text *text, const char *value)
{
	size_t plain;

	while (value[plain = strcspn(value, "\\\"\n")] != '\0') {
		add(text, value, plain);
		add_string(text, value[plain] == '\n' ? "\\n" : value[plain] == '"' ? "\\\"" : "\\\\");
		value += plain + 1;
	}
	add(text, value, plain);
}

/* With a point before the last `decimals` digits, and no zeros at the end of these. */
static void
add_number(struct text *text, uint64_t number, unsigned decimals)
{
	char digits[NUMBER_SIZE], *const end = digits + sizeof(digits), *first = end;

	for (; decimals > 0 && number % 10 == 0; decimals--)
		number /= 10;
	for (; decimals > 0; decimals--, number /= 10) {
		*--first = (char)('0' + number % 10);
		if (decimals == 1)
			*--first = '.';
	}
	do
		*--first = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	add(text, first, (size_t)(end - first));
}

static void
add_label(struct text *text, const char *before, const char *label, const char *value)
{
	add_string(text, before);
	add_string(text, label);
	add_string(text, "=\"");
	add_label_value(text, value);
	add_string(text, "\"");
}

static void
add_series(struct text *text, const struct census_entry *entry)
{
	const bool is_of_listener = entry->listener != NULL;

	add_string(text, entry->family->name);
	add_string(text, entry->suffix);
	if (is_of_listener)
		add_label(text, "{", "listener", entry->listener);
	if (entry->label != NULL)
		add_label(text, is_of_listener ? "," : "{", entry->label, entry->value);
	add_string(text, is_of_listener || entry->label != NULL ? "} " : " ");
	add_number(text, entry->number, entry->decimals);
}

/* --- all of it ----------------------------------------------------------------------------- */

struct page {
	struct text text;
	const struct family *family; /* of the last series */
};

static void
begin_family(struct text *text, const struct family *family)
{
	static const char *const types[] = {
		[FAMILY_COUNTER] = " counter\n",
		[FAMILY_GAUGE] = " gauge\n",
		[FAMILY_HISTOGRAM] = " histogram\n",
	};

	add_string(text, "# HELP ");
	add_string(text, family->name);
	add_string(text, " ");
	add_string(text, family->help);
	add_string(text, "\n# TYPE ");
	add_string(text, family->name);
	add_string(text, types[family->type]);
}

static void
on_entry(void *arg, const struct census_entry *entry)
{
	struct page *page = arg;

	if (entry->family != page->family)
		begin_family(&page->text, entry->family);
	page->family = entry->family;
	add_series(&page->text, entry);
	add_string(&page->text, "\n");
}

char *
exposition_render(const struct census *census, size_t *size)
{
	struct page page = { .family = NULL };

	census_each(census, on_entry, &page);
	if (page.text.lacks_memory) {
		free(page.text.data);
		errno = ENOMEM;
		return NULL;
	}
	*size = page.text.used;
	return page.text.data;
}

/* --- by line -------------------------------------------------------------------------------- */

struct lines {
	struct text text; /* the one that was written last */
	void (*to)(void *arg, const char *line);
	void *arg;
};

static void
on_line(void *arg, const struct census_entry *entry)
{
	struct lines *lines = arg;
	struct text *text = &lines->text;

	if (strcmp(entry->suffix, "_bucket") == 0)
		return;
	text->used = 0;
	add_series(text, entry);
	add(text, "", 1);
	if (!text->lacks_memory)
		lines->to(lines->arg, text->data);
}

void
exposition_each(const struct census *census, void (*to)(void *arg, const char *line), void *arg)
{
	struct lines lines = { .to = to, .arg = arg };

	census_each(census, on_line, &lines);
	free(lines.text.data);
}
