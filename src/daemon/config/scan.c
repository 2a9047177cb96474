/* The pass over a configuration file's raw text: see scan.h. */
#include "daemon/config/scan.h"

#include <stdlib.h>
#include <string.h>

struct scan {
	char *at, *end;
	const char *word; /* the one that ends at `at`; NULL: none does */
	int line;
	int depth;           /* of "{" */
	size_t assignments;  /* how many "=" were passed */
	bool after_equals;   /* nothing but blanks and comments since one */
	const char *message; /* what is wrong on `line`; NULL: nothing */
	struct config_scan *result;
};

static const char variable_in_string[] =
    "\"${\" would be replaced from the environment: write \"\\${\"";
static const char variable_in_word[] =
    "\"${\" would be replaced from the environment: write the value in single quotes";
static const char bad_escape[] =
    "a bad escape in this string: give \\x01 to \\xff or \\1 to \\377";

/* No value is near to this; libconfuse takes quadratic time over a long string. */
#define STRING_MAX 4096

static const char string_too_long[] = "this string is longer than 4096 bytes";
_Static_assert(STRING_MAX == 4096, "as the message says");

static const char list_open[] =
    "this list has no end: \"}\" is missing; or it is a section, which has no \"=\"";

static const char too_many_sections[] = "more than 1024 sections";
_Static_assert(CONFIG_SECTIONS_MAX == 1024, "as the message says");

static bool
next_is(const struct scan *scan, const char *token)
{
	const size_t length = strlen(token);

	return (size_t)(scan->end - scan->at) >= length && memcmp(scan->at, token, length) == 0;
}

static void
blank(struct scan *scan, const char *until)
{
	for (; scan->at < until; scan->at++) {
		if (*scan->at == '\n')
			scan->line++;
		else
			*scan->at = ' ';
	}
}

static void
blank_line_comment(struct scan *scan)
{
	const char *newline = memchr(scan->at, '\n', (size_t)(scan->end - scan->at));

	blank(scan, newline != NULL ? newline : scan->end);
}

static void
blank_block_comment(struct scan *scan)
{
	const char *body = scan->at + 2;
	const char *close = memmem(body, (size_t)(scan->end - body), "*/", 2);

	if (close == NULL)
		scan->message = "this comment has no end: \"*/\" is missing";
	else
		blank(scan, close + 2);
}

static bool
is_octal(char c)
{
	return c >= '0' && c <= '7';
}

static int
hex_value(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *found = c == '\0' ? NULL : strchr(digits, c);

	return found == NULL ? -1 : (int)((found - digits) % 16);
}

/*
 * At the backslash of an escape by number.  libconfuse leaves its lexer inside the
 * string when it meets a bad one, and ends the value where one makes a NUL.
 */
static bool
number_escape_is_good(const char *at, const char *end)
{
	int value = 0, digits = 0;

	at++;
	if (at < end && *at == 'x') {
		for (at++; at < end && digits < 2 && hex_value(*at) >= 0; at++, digits++)
			value = value * 16 + hex_value(*at);
		return digits == 0 || value > 0;
	}
	if (at == end || *at < '0' || *at > '9')
		return true;
	for (; at < end && digits < 4 && *at >= '0' && *at <= '9'; at++, digits++) {
		if (!is_octal(*at))
			return false;
		value = value * 8 + (*at - '0');
	}
	return digits <= 3 && value > 0 && value <= 255;
}

/* At the opening quote.  A missing end is a fault of the line where the string begins. */
static void
skip_string(struct scan *scan)
{
	const char quote = *scan->at;
	const int start = scan->line;
	const char *begin = scan->at;

	for (scan->at++; scan->at < scan->end; scan->at++) {
		if (*scan->at == quote) {
			scan->at++;
			if (scan->at - begin > STRING_MAX)
				scan->message = string_too_long;
			return;
		}
		if (quote == '"' && next_is(scan, "${")) {
			scan->message = variable_in_string;
			return;
		}
		if (*scan->at == '\\') {
			if (quote == '"' && !number_escape_is_good(scan->at, scan->end)) {
				scan->message = bad_escape;
				return;
			}
			scan->at++;
		}
		if (scan->at < scan->end && *scan->at == '\n')
			scan->line++;
	}
	scan->at = scan->end;
	scan->line = start;
	scan->message = quote == '"' ? "this string has no end: '\"' is missing"
	                             : "this string has no end: \"'\" is missing";
}

/* What libconfuse takes for one word: a "//" or "/" and "*" within it starts no comment. */
static void
skip_word(struct scan *scan)
{
	scan->word = scan->at;
	while (scan->at < scan->end && strchr(" #\"'\t\n\r={}()+,*", *scan->at) == NULL)
		scan->at++;
	if (scan->at[-1] == '$' && next_is(scan, "{"))
		scan->message = variable_in_word;
}

static void
open_section(struct scan *scan)
{
	struct config_scan *result = scan->result;

	if (scan->depth++ > 0)
		return;
	if (result->section_count == CONFIG_SECTIONS_MAX)
		scan->message = too_many_sections;
	else
		result->section_lines[result->section_count++] = scan->line;
}

/* Blanks, and the marks that libconfuse knows. */
static void
skip_mark(struct scan *scan)
{
	const char mark = *scan->at++;

	if (mark == '\n')
		scan->line++;
	else if (mark == '=')
		scan->assignments++;
	else if (mark == '{')
		open_section(scan);
	else if (mark == '}' && scan->depth > 0)
		scan->depth--;
}

static void
skip_token_alone(struct scan *scan)
{
	if (*scan->at == '#' || next_is(scan, "//"))
		blank_line_comment(scan);
	else if (next_is(scan, "/*"))
		blank_block_comment(scan);
	else if (*scan->at == '"' || *scan->at == '\'')
		skip_string(scan);
	else if (next_is(scan, "+="))
		scan->at++;
	else if (*scan->at == '*')
		scan->message = "unexpected \"*\": write it in quotes";
	else if (*scan->at == '+')
		scan->message = "unexpected \"+\": write it in quotes";
	else if (strchr(" \t\n\r={}(),", *scan->at) != NULL)
		skip_mark(scan);
	else
		skip_word(scan);
}

static bool
keep_list(struct scan *scan, const char *begin, int line)
{
	struct config_scan *result = scan->result;
	struct config_list *list;

	if (result->list_count == result->list_room) {
		const size_t room = result->list_room == 0 ? 4 : result->list_room * 2;
		struct config_list *lists = reallocarray(result->lists, room, sizeof(*lists));

		if (lists == NULL)
			return false;
		result->lists = lists;
		result->list_room = room;
	}
	list = &result->lists[result->list_count];
	*list = (struct config_list){ .line = line, .assignment = scan->assignments };
	list->text = strndup(begin, (size_t)(scan->at - begin));
	if (list->text == NULL)
		return false;
	result->list_count++;
	return true;
}

/* At the "{" behind a "=". */
static void
take_list(struct scan *scan)
{
	char *begin = scan->at++;
	const int line = scan->line;

	while (scan->message == NULL && scan->at < scan->end && strchr("{}=", *scan->at) == NULL)
		skip_token_alone(scan);
	scan->word = NULL;
	if (scan->message != NULL)
		return;
	if (scan->at == scan->end || *scan->at != '}') {
		scan->message = list_open;
		scan->line = line;
		return;
	}
	scan->at++;
	if (!keep_list(scan, begin, line)) {
		scan->message = "out of memory";
		return;
	}
	for (char *c = begin; c < scan->at; c++)
		if (*c != '\n')
			*c = ' ';
	*begin = '0'; /* any word will do */
}

static void
skip_token(struct scan *scan)
{
	const size_t assignments = scan->assignments;
	const char *token = scan->at;

	if (scan->after_equals && *token == '{') {
		take_list(scan);
		scan->after_equals = false;
		return;
	}
	skip_token_alone(scan);
	if (scan->assignments != assignments)
		scan->after_equals = true;
	else if (strchr(" \t\r\n", *token) == NULL) /* as a comment is by now */
		scan->after_equals = false;
}

static int
line_of(const char *text, const char *at)
{
	int line = 1;

	for (; text < at; text++)
		line += *text == '\n' ? 1 : 0;
	return line;
}

static void
scan_tokens(struct scan *scan, const char *text)
{
	struct config_scan *result = scan->result;

	while (scan->at < scan->end && scan->message == NULL) {
		const char *token = scan->at;
		const char *word = scan->word;

		scan->word = NULL;
		result->in_section = scan->depth > 0;
		skip_token(scan);
		/* A fault right behind a word makes that word doubtful, too. */
		if (scan->message != NULL)
			result->good = (size_t)((word != NULL ? word : token) - text);
	}
}

bool
config_scan(char *text, size_t size, struct config_scan *result)
{
	struct scan scan = { .at = text, .end = text + size, .line = 1, .result = result };
	const char *nul = memchr(text, '\0', size);

	*result = (struct config_scan){ .good = size };
	if (nul != NULL) {
		result->good = 0;
		scan.line = line_of(text, nul);
		scan.message = "a NUL byte: this is no text file";
	} else {
		scan_tokens(&scan, text);
	}
	if (scan.message == NULL && scan.depth > 0) {
		result->in_section = true;
		scan.line = result->section_lines[result->section_count - 1];
		scan.message = "this section has no end: \"}\" is missing";
	}
	result->fault = scan.message;
	result->fault_line = scan.line;
	return scan.message == NULL;
}

void
config_scan_free(struct config_scan *result)
{
	for (size_t i = 0; i < result->list_count; i++)
		free(result->lists[i].text);
	free(result->lists);
}
