/* The statements of a configuration file: see statements.h. */
#include "daemon/config/statements.h"

#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "daemon/config/options.h"

/* What a token is; a mark is its own character, and "+=" is '+'. */
enum { END = 0, WORD = 'w', DOUBTFUL = '?' };

struct token {
	const char *at, *end;
	int line, end_line; /* of its first character, and behind it */
	char kind;
};

struct walk {
	const char *end;   /* of the text */
	const char *done;  /* all before it is in the result, or left out of it */
	const char *begin;
	struct token last; /* the one before `done` */
	const char *section; /* the one that is open; "": none */
	struct config_scan *scan;
	size_t assignments, lists; /* how many of them were passed */
	const char *path;
	struct faults *faults;
	struct config_statements *result;
};

/* How a statement goes on behind its name. */
enum form {
	VALUE,    /* = VALUE */
	ADDITION, /* += VALUE */
	NO_VALUE, /* = */
	UNENDED,  /* = {, which is no list */
	BODY,     /* { */
	TITLED,   /* TITLE { */
	NEITHER,
};

struct statement {
	char name[OPTION_LABEL_SIZE]; /* cut where it is longer than any */
	struct token first, last;     /* of one with a body `last` is its "{" */
	enum form form;
	bool doubtful; /* config_scan() has told what is wrong */
};

/* --- tokens ----------------------------------------------------------------------- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_mark(char c)
{
	return c != '\0' && strchr("={}(),+", c) != NULL;
}

static void
end_string(const struct walk *walk, struct token *token)
{
	const char quote = *token->end++;

	for (; token->end < walk->end && *token->end != quote; token->end++) {
		if (*token->end == '\\' && token->end + 1 < walk->end)
			token->end++;
		token->end_line += *token->end == '\n';
	}
	if (token->end < walk->end)
		token->end++;
}

/* What config_scan() has marked, newlines within it or not. */
static void
end_doubtful(const struct walk *walk, struct token *token)
{
	int line = token->line;

	for (const char *c = token->at; c < walk->end && (*c == '\0' || is_blank(*c)); c++) {
		line += *c == '\n';
		if (*c == '\0') {
			token->end = c + 1;
			token->end_line = line;
		}
	}
}

static struct token
token_behind(const struct walk *walk, struct token before)
{
	struct token token = { .at = before.end, .line = before.end_line, .kind = END };

	for (; token.at < walk->end && is_blank(*token.at); token.at++)
		token.line += *token.at == '\n';
	token.end = token.at;
	token.end_line = token.line;
	if (token.at == walk->end)
		return token;
	token.kind = WORD;
	if (*token.at == '\0') {
		token.kind = DOUBTFUL;
		end_doubtful(walk, &token);
	} else if (*token.at == '"' || *token.at == '\'') {
		end_string(walk, &token);
	} else if (is_mark(*token.at)) {
		token.kind = *token.at;
		token.end += token.kind == '+' && token.at + 1 < walk->end ? 2 : 1;
	} else {
		while (token.end < walk->end && !is_blank(*token.end) && !is_mark(*token.end) &&
		    *token.end != '\0' && *token.end != '"' && *token.end != '\'')
			token.end++;
	}
	return token;
}

static bool
is_text(struct token token)
{
	return token.kind == WORD || token.kind == DOUBTFUL;
}

/* --- what libconfuse is given ------------------------------------------------------ */

static void
keep(struct walk *walk, struct token last)
{
	struct config_statements *result = walk->result;
	const size_t size = (size_t)(last.end - walk->done);

	memcpy(result->text + result->size, walk->done, size);
	result->size += size;
	walk->done = last.end;
	walk->last = last;
}

static void
insert(struct walk *walk, char mark)
{
	walk->result->text[walk->result->size++] = mark;
}

static void
doubt(struct walk *walk)
{
	struct config_statements *result = walk->result;

	result->whole = false;
	if (*walk->section != '\0')
		result->sections[result->section_count - 1].whole = false;
}

static void
leave_out(struct walk *walk, struct token last)
{
	for (; walk->done < last.end; walk->done++)
		insert(walk, *walk->done == '\n' ? '\n' : ' ');
	walk->last = last;
	doubt(walk);
}

/* --- names ---------------------------------------------------------------------------- */

enum known { UNKNOWN, OPTION, SECTION, LISTENER };

static enum known
what_is(const char *section, const char *name)
{
	if (option_find(section, name) != NULL)
		return OPTION;
	if (*section != '\0' || option_section(name) == NULL)
		return UNKNOWN;
	return option_takes_title(name) ? LISTENER : SECTION;
}

/* --- statements ----------------------------------------------------------------------- */

static struct place
place_of(const struct walk *walk, struct token token)
{
	return (struct place){ .name = walk->path, .line = token.line };
}

/* Returns the "}" of what `open` opens, or the end of the text. */
static struct token
end_of_body(const struct walk *walk, struct token open)
{
	struct token token = open;
	size_t depth = 1;

	while (depth > 0 && token.kind != END) {
		token = token_behind(walk, token);
		if (token.kind == '{')
			depth++;
		else if (token.kind == '}')
			depth--;
	}
	return token;
}

/* Whether `token` is a name, to judge by what comes behind it. */
static bool
begins_statement(const struct walk *walk, struct token token)
{
	const char next = token_behind(walk, token).kind;

	return is_text(token) && (next == '=' || next == '+' || next == '{');
}

/*
 * Returns the last of the tokens on the line of `from`, up to a brace and, if `known`, another
 * statement: what is no name at all may be another program's line.
 */
static struct token
end_of_line(const struct walk *walk, struct token from, bool known, bool *doubtful)
{
	struct token last = from, next;

	for (;; last = next) {
		next = token_behind(walk, last);
		if (next.kind == END || next.kind == '{' || next.kind == '}' ||
		    next.line != last.end_line || (known && begins_statement(walk, next)))
			return last;
		*doubtful = *doubtful || next.kind == DOUBTFUL;
	}
}

/* A word on a further line that is a name is no value. */
static bool
is_value(const struct walk *walk, struct token token, struct token equals)
{
	return is_text(token) &&
	    (token.line == equals.end_line || !begins_statement(walk, token));
}

static void
copy_name(char name[OPTION_LABEL_SIZE], struct token token)
{
	const size_t quotes = *token.at == '"' || *token.at == '\'' ? 1 : 0;
	const size_t length = (size_t)(token.end - token.at) - 2 * quotes;
	const size_t shown = length < OPTION_LABEL_SIZE ? length : OPTION_LABEL_SIZE - 1;

	memcpy(name, token.at + quotes, shown);
	name[shown] = '\0';
}

static void
read_assignment(const struct walk *walk, struct token equals, struct statement *statement)
{
	const struct token value = token_behind(walk, equals);

	statement->last = equals;
	statement->form = NO_VALUE;
	if (value.kind == '{') {
		statement->last = value;
		statement->form = UNENDED;
	} else if (is_value(walk, value, equals)) {
		statement->last = value;
		statement->form = equals.kind == '=' ? VALUE : ADDITION;
		statement->doubtful = statement->doubtful || value.kind == DOUBTFUL;
	}
}

/* What has none of the forms. */
static void
read_line(const struct walk *walk, struct statement *statement)
{
	const bool known = what_is(walk->section, statement->name) != UNKNOWN;
	struct token next;

	statement->last = end_of_line(walk, statement->first, known, &statement->doubtful);
	next = token_behind(walk, statement->last);
	if (known || next.kind != '{' || next.line != statement->last.end_line)
		return;
	statement->form = TITLED; /* by more than one word */
	statement->last = next;
}

static struct statement
read_statement(const struct walk *walk, struct token name)
{
	const struct token second = token_behind(walk, name), third = token_behind(walk, second);
	struct statement statement = {
		.first = name, .last = name, .form = NEITHER, .doubtful = name.kind == DOUBTFUL,
	};

	copy_name(statement.name, name);
	if (second.kind == '=' || second.kind == '+') {
		read_assignment(walk, second, &statement);
	} else if (second.kind == '{') {
		statement.form = BODY;
		statement.last = second;
	} else if (is_text(second) && third.kind == '{' &&
	    (second.line == name.end_line || option_takes_title(statement.name))) {
		statement.form = TITLED;
		statement.last = third;
		statement.doubtful = statement.doubtful || second.kind == DOUBTFUL;
	} else {
		read_line(walk, &statement);
	}
	return statement;
}

static void
tell_no_end(struct walk *walk, int line)
{
	if (!walk->scan->cut)
		faults_add_at(walk->faults, (struct place){ .name = walk->path, .line = line },
		    "this section has no end: \"}\" is missing");
}

static void
leave_out_statement(struct walk *walk, const struct statement *statement)
{
	struct token last = statement->last;

	if (last.kind == '{') {
		last = end_of_body(walk, last);
		if (last.kind == END)
			tell_no_end(walk, statement->first.line);
	}
	leave_out(walk, last);
}

/* --- names that are known ---------------------------------------------------------------- */

/* What is wrong with a form, before and behind the name; NULL: nothing. */
#define NO_EQUALS { "\"=\" is missing after ", "" }
#define NO_BRACE { "\"{\" is missing after ", "" }
static const struct wording {
	const char *before, *behind;
} wordings[][NEITHER + 1] = {
	[OPTION] = {
		[ADDITION] = { "nothing can be added to ", ": write \"=\", not \"+=\"" },
		[NO_VALUE] = { "the value of ", " is missing" },
		[UNENDED] = { "the list of ", " has no end: \"}\" is missing" },
		[BODY] = NO_EQUALS, [TITLED] = NO_EQUALS, [NEITHER] = NO_EQUALS,
	},
	[SECTION] = {
		[VALUE] = NO_BRACE, [ADDITION] = NO_BRACE, [NO_VALUE] = NO_BRACE,
		[UNENDED] = { "no \"=\" goes behind ", ", which is a section" },
		[TITLED] = { "no name goes behind ", ", of which there is one" },
		[NEITHER] = NO_BRACE,
	},
	[LISTENER] = {
		[VALUE] = NO_BRACE, [ADDITION] = NO_BRACE, [NO_VALUE] = NO_BRACE,
		[UNENDED] = { "the name is missing: write ", " NAME { ... }" },
		[BODY] = { "the name is missing: write ", " NAME { ... }" },
		[NEITHER] = NO_BRACE,
	},
};

static void
keep_option(struct walk *walk, const struct statement *statement)
{
	const size_t at = (size_t)(statement->last.at - walk->begin);
	struct config_list *lists = walk->scan->lists;

	walk->assignments++;
	while (walk->lists < walk->scan->list_count && lists[walk->lists].at < at)
		walk->lists++; /* of a statement that was left out */
	if (walk->lists < walk->scan->list_count && lists[walk->lists].at == at)
		lists[walk->lists++].assignment = walk->assignments;
	keep(walk, statement->last);
}

/* At the "{", which is kept by now. */
static void
enter_section(struct walk *walk, const struct statement *statement)
{
	struct config_statements *result = walk->result;

	walk->section = option_section(statement->name);
	result->sections[result->section_count].line = statement->first.line;
	result->sections[result->section_count].whole = true;
	result->section_count++;
}

/* Returns false, with the rest of the file left out, where there are too many. */
static bool
may_enter_section(struct walk *walk, const struct statement *statement)
{
	_Static_assert(CONFIG_SECTIONS_MAX == 1024, "as the message says");

	if (walk->result->section_count < CONFIG_SECTIONS_MAX)
		return true;
	faults_add_at(walk->faults, place_of(walk, statement->first), "more than 1024 sections");
	leave_out(walk, (struct token){ .at = walk->end, .end = walk->end });
	return false;
}

/*
 * A section with a "=" before its "{", or without one where its options come next, is read as
 * though it were right.  Returns the last token of what stands for its "{", or an END.
 */
static struct token
find_opening(const struct walk *walk, struct token head, const char *section)
{
	const struct token next = token_behind(walk, head), brace = token_behind(walk, next);
	char name[OPTION_LABEL_SIZE];

	if (next.kind == '=' && brace.kind == '{')
		return brace;
	if (begins_statement(walk, next)) {
		copy_name(name, next);
		if (option_find(section, name) != NULL)
			return head;
	}
	return (struct token){ .kind = END };
}

static bool
mend_section(struct walk *walk, const struct statement *statement, enum known known)
{
	const struct token head = known == LISTENER ?
	    token_behind(walk, statement->first) : statement->first;
	const struct token opening = find_opening(walk, head, statement->name);

	if (head.kind != WORD || opening.kind == END)
		return false;
	keep(walk, head);
	leave_out(walk, opening);
	insert(walk, '{');
	enter_section(walk, statement);
	doubt(walk);
	return true;
}

static void
take_known(struct walk *walk, const struct statement *statement, enum known known)
{
	const struct wording *wording = &wordings[known][statement->form];
	const bool cut = walk->scan->cut &&
	    token_behind(walk, statement->last).kind == END;

	if (known != OPTION && !may_enter_section(walk, statement))
		return;
	if (wording->before != NULL && !statement->doubtful && !cut)
		faults_add_at(walk->faults, place_of(walk, statement->first), "%s%s%s",
		    wording->before, statement->name, wording->behind);
	if (wording->before != NULL && known != OPTION && mend_section(walk, statement, known))
		return;
	if (wording->before != NULL || statement->doubtful) {
		leave_out_statement(walk, statement);
	} else if (known == OPTION) {
		keep_option(walk, statement);
	} else {
		keep(walk, statement->last);
		enter_section(walk, statement);
	}
}

/* --- those that are not ---------------------------------------------------------------------- */

static void
tell_unknown(struct walk *walk, const struct statement *statement)
{
	const struct token *name = &statement->first;
	const size_t quotes = *name->at == '"' || *name->at == '\'' ? 1 : 0;
	char *advice = NULL, shown[ESCAPE_TEXT_SIZE];

	if (!faults_are_full(walk->faults))
		advice = option_advise(walk->section, statement->name, false);
	escape_payload(name->at + quotes, (size_t)(name->end - name->at) - 2 * quotes, shown);
	if (*statement->name == '\0')
		faults_add_at(walk->faults, place_of(walk, *name),
		    "the name of an option is missing");
	else
		faults_add_at(walk->faults, place_of(walk, *name), "unknown option %s%s%s: %s",
		    shown, *walk->section != '\0' ? " in " : "", walk->section,
		    advice != NULL ? advice : "out of memory");
	free(advice);
}

static void
take_unknown(struct walk *walk, const struct statement *statement)
{
	if (!statement->doubtful)
		tell_unknown(walk, statement);
	if (*walk->section != '\0' && option_section(statement->name) != NULL &&
	    (statement->form == BODY || statement->form == TITLED)) {
		doubt(walk);
		insert(walk, '}'); /* as it asks for: now the statement is taken again */
		walk->section = "";
		return;
	}
	leave_out_statement(walk, statement);
}

/* --- all of them ------------------------------------------------------------------------------ */

static void
take_brace(struct walk *walk, struct token brace)
{
	if (*walk->section != '\0') {
		keep(walk, brace);
		walk->section = "";
		return;
	}
	faults_add_at(walk->faults, place_of(walk, brace),
	    "unexpected \"}\": no section is open here");
	leave_out(walk, brace);
}

static void
take_mark(struct walk *walk, struct token mark)
{
	bool doubtful = false;
	const struct token last = end_of_line(walk, mark, true, &doubtful);

	if (!doubtful)
		faults_add_at(walk->faults, place_of(walk, mark),
		    "unexpected \"%.*s\": write NAME = VALUE, or SECTION { ... }",
		    (int)(mark.end - mark.at), mark.at);
	leave_out(walk, last);
}

static void
take_name(struct walk *walk, struct token name)
{
	const struct statement statement = read_statement(walk, name);
	const enum known known = what_is(walk->section, statement.name);

	if (known == UNKNOWN)
		take_unknown(walk, &statement);
	else
		take_known(walk, &statement, known);
}

static void
take_all(struct walk *walk)
{
	struct token token;

	while ((token = token_behind(walk, walk->last)).kind != END) {
		if (is_text(token))
			take_name(walk, token);
		else if (token.kind == '}')
			take_brace(walk, token);
		else
			take_mark(walk, token);
	}
}

bool
config_statements_read(const char *text, struct config_scan *scan, const char *path,
    struct faults *faults, struct config_statements *result)
{
	struct walk walk = {
		.begin = text, .done = text, .end = text + scan->good, .section = "",
		.last = { .end = text, .end_line = 1 },
		.scan = scan, .path = path, .faults = faults, .result = result,
	};

	*result = (struct config_statements){ .whole = !scan->cut };
	/* For each section that is entered a brace may come in addition, or two. */
	result->text = malloc(scan->good + (size_t)2 * CONFIG_SECTIONS_MAX + 1);
	if (result->text == NULL)
		return false;
	take_all(&walk);
	if (*walk.section != '\0') {
		tell_no_end(&walk, result->sections[result->section_count - 1].line);
		insert(&walk, '}');
		doubt(&walk);
	}
	return true;
}

void
config_statements_free(struct config_statements *statements)
{
	free(statements->text);
}
