/* Lists as text: see list_text.h. */
#include "daemon/config/list_text.h"

#include <stdio.h>
#include <string.h>

/* What ends a word: the marks of the file's syntax, blanks and quotes. */
#define WORD_ENDS " \t\r\n\"'{}()=+,*"

void
list_text_begin(struct list_text *list, const char *text, int line)
{
	*list = (struct list_text){ .at = text + 1, .line = line };
}

static void
skip_blanks(struct list_text *list)
{
	for (; *list->at != '\0' && strchr(" \t\r\n", *list->at) != NULL; list->at++)
		if (*list->at == '\n')
			list->line++;
}

/* At the opening quote; config_scan() has seen the other. */
static void
take_string(struct list_text *list, struct list_element *element)
{
	const char quote = *list->at++;

	element->is_quoted = true;
	element->text = list->at;
	for (; *list->at != '\0' && *list->at != quote; list->at++) {
		if (*list->at == '\\' && list->at[1] != '\0')
			list->at++;
		if (*list->at == '\n')
			list->line++;
	}
	element->length = (size_t)(list->at - element->text);
	if (*list->at == quote)
		list->at++;
}

static void
take_word(struct list_text *list, struct list_element *element)
{
	element->is_quoted = false;
	element->text = list->at;
	element->length = strcspn(list->at, WORD_ENDS);
	list->at += element->length;
}

static int
fail(struct list_text *list, const char *fault)
{
	list->fault = fault;
	return -1;
}

int
list_text_next(struct list_text *list, struct list_element *element)
{
	skip_blanks(list);
	if (*list->at == '}')
		return 0;
	element->line = list->line;
	if (*list->at == '"' || *list->at == '\'')
		take_string(list, element);
	else
		take_word(list, element);
	if (list->at == element->text) /* not even a quote */
		return fail(list, "an element is missing: write { \"...\", \"...\" }");
	skip_blanks(list);
	if (*list->at == ',')
		list->at++;
	else if (*list->at != '}')
		return fail(list, "\",\" is missing between two elements");
	return 1;
}

/* --- writing ------------------------------------------------------------------------ */

void
list_text_quote(const char *string, char *text)
{
	*text++ = '"';
	for (; string != NULL && *string != '\0'; string++) {
		const unsigned char byte = (unsigned char)*string;

		if (byte < 0x20 || byte == 0x7f) {
			text += snprintf(text, 5, "\\x%02x", (unsigned)byte);
			continue;
		}
		if (byte == '"' || byte == '\\' || byte == '$')
			*text++ = '\\';
		*text++ = *string;
	}
	*text++ = '"';
	*text = '\0';
}

const char *
list_text_element(enum list_kind kind, const void *list, size_t index,
    char text[LIST_TEXT_ELEMENT_SIZE])
{
	char element[LIST_ELEMENT_SIZE];

	list_text_quote(list_format(kind, list, index, element), text);
	return text;
}

void
list_text_write(enum list_kind kind, const void *list, char *text, size_t size)
{
	const size_t count = list_count(list), room = size - sizeof(", , ...}");
	char element[LIST_TEXT_ELEMENT_SIZE];
	size_t used = 1, i;

	*text = '{';
	for (i = 0; i < count; i++) {
		if (used + strlen(list_text_element(kind, list, i, element)) > room)
			break;
		used += (size_t)snprintf(text + used, size - used, "%s%s", i == 0 ? "" : ", ",
		    element);
	}
	snprintf(text + used, size - used, i == count ? "}" : i == 0 ? "...}" : ", ...}");
}

size_t
list_text_write_missing(enum list_kind kind, const void *list, const void *others, char *text,
    size_t size)
{
	const size_t room = size - sizeof(",  and 4096 more}");
	char element[LIST_TEXT_ELEMENT_SIZE];
	size_t count = 0, shown = 0, used = 1;

	_Static_assert(LIST_MAX <= 4096, "no more can be missing");
	*text = '{';
	for (size_t i = 0; i < list_count(list); i++) {
		if (list_has(kind, others, list, i))
			continue;
		count++;
		if (shown + 1 < count ||
		    used + strlen(list_text_element(kind, list, i, element)) > room)
			continue;
		shown++;
		used += (size_t)snprintf(text + used, size - used, "%s%s", shown == 1 ? "" : ", ",
		    element);
	}
	if (shown < count)
		snprintf(text + used, size - used, "%s%zu more}", shown > 0 ? " and " : "",
		    count - shown);
	else
		snprintf(text + used, size - used, "}");
	return count;
}
