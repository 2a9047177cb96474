/* The pass over a configuration file's raw text: see scan.h. */
#include "daemon/config/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct scan {
	char *begin, *at, *end;
	char *word; /* the one that ends at `at`; NULL: none does */
	int line;
	bool after_equals;   /* nothing but blanks and comments since a "=" */
	bool doubtful;       /* this token has a fault, which was told */
	bool faulty;         /* something was told */
	const char *message; /* what is wrong on `line` and hides the rest; NULL: nothing */
	struct place place;
	struct faults *faults;
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

static void
tell(struct scan *scan, int line, const char *message)
{
	struct place place = scan->place;

	if (place.line != 0)
		place.line = line;
	faults_add_at(scan->faults, place, "%s", message);
	scan->faulty = true;
}

/* Of a token one fault is told. */
static void
doubt(struct scan *scan, const char *message)
{
	if (!scan->doubtful)
		tell(scan, scan->line, message);
	scan->doubtful = true;
}

static bool
next_is(const struct scan *scan, const char *token)
{
	const size_t length = strlen(token);

	return (size_t)(scan->end - scan->at) >= length && memcmp(scan->at, token, length) == 0;
}

static bool
is_one_of(char c, const char *characters)
{
	return c != '\0' && strchr(characters, c) != NULL;
}

/* --- comments ------------------------------------------------------------------------ */

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

/* --- strings and words ------------------------------------------------------------------ */

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
 * At the backslash of an escape by number.  libconfuse would leave its lexer inside the
 * string at a bad one, and end the value where one makes a NUL.
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

/* Within a string: an escape is two characters. */
static void
skip_character(struct scan *scan, char quote)
{
	if (quote == '"' && next_is(scan, "${"))
		doubt(scan, variable_in_string);
	if (*scan->at == '\\') {
		if (quote == '"' && !number_escape_is_good(scan->at, scan->end))
			doubt(scan, bad_escape);
		scan->at++;
	}
	if (scan->at < scan->end && *scan->at == '\n')
		scan->line++;
	scan->at++;
}

/* At the opening quote.  A missing end is a fault of the line where the string begins. */
static void
skip_string(struct scan *scan)
{
	const char quote = *scan->at;
	const int start = scan->line;
	const char *begin = scan->at++;

	while (scan->at < scan->end && *scan->at != quote)
		skip_character(scan, quote);
	if (scan->at < scan->end) {
		scan->at++;
		if (scan->at - begin > STRING_MAX)
			doubt(scan, string_too_long);
		return;
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
	while (scan->at < scan->end && !is_one_of(*scan->at, " #\"'\t\n\r={}()+,*"))
		scan->at++;
	if (scan->at == scan->word || scan->at[-1] != '$' || !next_is(scan, "{"))
		return;
	doubt(scan, variable_in_word);
	while (scan->at < scan->end && !is_one_of(*scan->at, " \t\n\r}"))
		scan->at++;
	if (next_is(scan, "}"))
		scan->at++;
}

/* --- tokens ---------------------------------------------------------------------------- */

static void
skip_whole(struct scan *scan)
{
	if (*scan->at == '#' || next_is(scan, "//")) {
		blank_line_comment(scan);
	} else if (next_is(scan, "/*")) {
		blank_block_comment(scan);
	} else if (is_one_of(*scan->at, "\"'")) {
		skip_string(scan);
	} else if (*scan->at == '*' || (*scan->at == '+' && !next_is(scan, "+="))) {
		doubt(scan, *scan->at == '*' ? "unexpected \"*\": write it in quotes"
		                             : "unexpected \"+\": write it in quotes");
		scan->at++;
	} else if (is_one_of(*scan->at, " \t\n\r+={}(),")) {
		scan->line += *scan->at == '\n';
		scan->at++;
	} else {
		skip_word(scan);
	}
}

static void
erase(char *from, const char *to)
{
	for (; from < to; from++)
		if (*from != '\n')
			*from = '\0';
}

/* What touches a token with a fault, before or behind it, has no sense alone. */
static void
skip_token_alone(struct scan *scan)
{
	char *const token = scan->word != NULL ? scan->word : scan->at;

	scan->word = NULL;
	scan->doubtful = false;
	skip_whole(scan);
	if (!scan->doubtful || scan->message != NULL)
		return;
	while (scan->at < scan->end && !is_one_of(*scan->at, " \t\n\r\"'={}(),#") &&
	    !next_is(scan, "//") && !next_is(scan, "/*"))
		scan->at++;
	scan->word = NULL;
	erase(token, scan->at);
}

/* --- lists ------------------------------------------------------------------------------ */

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
	*list = (struct config_list){ .line = line, .at = (size_t)(begin - scan->begin) };
	list->text = strndup(begin, (size_t)(scan->at - begin));
	if (list->text == NULL)
		return false;
	result->list_count++;
	return true;
}

/* Behind the "}" of the list that begins at `begin`. */
static void
replace_list(struct scan *scan, char *begin, int line)
{
	if (!keep_list(scan, begin, line)) {
		scan->message = "out of memory";
		faults_blame(scan->faults, ENOMEM);
		return;
	}
	for (char *c = begin; c < scan->at; c++)
		if (*c != '\n')
			*c = ' ';
	*begin = '0'; /* any word will do */
}

/* A list that is being read. */
struct reading {
	char *begin, *last; /* its "{", and its last token */
	int line, last_line;
	size_t tokens;
	bool doubtful;
};

/* Up to what cannot be in a list, or its end. */
static void
read_list(struct scan *scan, struct reading *list)
{
	while (scan->message == NULL && scan->at < scan->end && !is_one_of(*scan->at, "{}=")) {
		char *const token = scan->at;
		const int line = scan->line;

		skip_token_alone(scan);
		list->doubtful = list->doubtful || scan->doubtful;
		if (is_one_of(*token, " \t\r\n")) /* as a comment is by now */
			continue;
		list->last = token;
		list->last_line = line;
		list->tokens++;
	}
	scan->word = NULL;
}

/* At what is no part of a list: it is a section, or its last token begins another statement. */
static void
give_up_list(struct scan *scan, const struct reading *list)
{
	if (list->tokens == 1) {
		scan->at = list->begin + 1;
		scan->line = list->line;
	} else if (list->tokens > 1 && *scan->at == '=') {
		tell(scan, list->line, list_open);
		erase(list->begin, list->last);
		scan->at = list->last;
		scan->line = list->last_line;
	} else {
		scan->message = list_open;
		scan->line = list->line;
	}
}

/* At the "{" behind a "=". */
static void
take_list(struct scan *scan)
{
	struct reading list = { .begin = scan->at++, .line = scan->line };

	read_list(scan, &list);
	if (scan->message != NULL)
		return;
	if (!next_is(scan, "}")) {
		if (scan->at == scan->end)
			list.tokens = 0;
		give_up_list(scan, &list);
		return;
	}
	scan->at++;
	if (list.doubtful)
		erase(list.begin, scan->at);
	else
		replace_list(scan, list.begin, list.line);
}

/* --- all of it -------------------------------------------------------------------------- */

static void
skip_token(struct scan *scan)
{
	const char *token = scan->at;

	if (scan->after_equals && *token == '{') {
		scan->after_equals = false;
		take_list(scan);
		return;
	}
	skip_token_alone(scan);
	if (*token == '=')
		scan->after_equals = true;
	else if (!is_one_of(*token, " \t\r\n")) /* as a comment is by now */
		scan->after_equals = false;
}

/* The first line that an editor would not end where this pass does, or NULL. */
static const char *
find_lone_return(const char *text, const char *end)
{
	const char *found = text;

	while ((found = memchr(found, '\r', (size_t)(end - found))) != NULL) {
		while (found < end && *found == '\r')
			found++;
		if (found < end && *found != '\n')
			return found - 1;
	}
	return NULL;
}

static void
fail_at(struct scan *scan, const char *at, const char *message)
{
	for (const char *c = scan->begin; c < at; c++)
		scan->line += *c == '\n';
	scan->message = message;
}

/* What is no text is not looked into. */
static void
check_encoding(struct scan *scan)
{
	const char *nul = memchr(scan->begin, '\0', (size_t)(scan->end - scan->begin));
	const char *lone = find_lone_return(scan->begin, scan->end);

	if (next_is(scan, "\xff\xfe") || next_is(scan, "\xfe\xff"))
		fail_at(scan, scan->begin, "this is UTF-16, or UTF-32: save the file as UTF-8");
	else if (nul != NULL)
		fail_at(scan, nul, "a NUL byte: this is no text file");
	else if (lone != NULL)
		fail_at(scan, lone, "a carriage return that is not before a newline:"
		    " end lines with a newline");
	else if (next_is(scan, "\xef\xbb\xbf")) /* the byte order mark of some editors */
		memset(scan->begin, ' ', 3);
}

static void
scan_tokens(struct scan *scan)
{
	while (scan->at < scan->end && scan->message == NULL) {
		const char *const token = scan->word != NULL ? scan->word : scan->at;

		skip_token(scan);
		/* A fault right behind a word makes that word doubtful, too. */
		if (scan->message != NULL)
			scan->result->good = (size_t)(token - scan->begin);
	}
}

bool
config_scan(char *text, size_t size, struct place place, struct faults *faults,
    struct config_scan *result)
{
	struct scan scan = { .line = 1, .place = place, .faults = faults, .result = result };

	scan.begin = scan.at = text;
	scan.end = text + size;
	*result = (struct config_scan){ .good = size };
	check_encoding(&scan);
	if (scan.message != NULL)
		result->good = 0;
	else
		scan_tokens(&scan);
	result->cut = scan.message != NULL;
	if (result->cut)
		tell(&scan, scan.line, scan.message);
	return !scan.faulty;
}

void
config_scan_free(struct config_scan *result)
{
	for (size_t i = 0; i < result->list_count; i++)
		free(result->lists[i].text);
	free(result->lists);
}
