/* Lists as text: see list_text.h. */
#include "daemon/config/list_text.h"

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
