/* Reading and parsing a configuration file: see file.h. */
#include "daemon/config/file.h"

#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/escape.h"
#include "daemon/config/scan.h"

/* No one writes a longer configuration: the path is that of something else. */
#define FILE_SIZE_MAX ((size_t)1024 * 1024)

/* One run of libconfuse.  Its callbacks find it by the slot of an option. */
struct parse {
	struct config_file *file;
	struct faults *faults;
	const char *path;
	struct config_scan scan;
	size_t assignments, lists; /* how many of them it has passed */
	cfg_t *root;
	const cfg_t *section; /* the last that was entered */
	bool cut;             /* the text was cut at a fault: that it ends early is known */
	bool told;            /* libconfuse's own fault was added */
};

struct slot {
	void *value; /* what libconfuse sets: first, and not used */
	struct parse *parse;
	const struct option_row *row; /* NULL: the value of a -o */
};

/* --- notes ------------------------------------------------------------------ */

static const struct slot *
slot_of(const cfg_opt_t *opt)
{
	return (const struct slot *)opt->simple_value.ptr;
}

/* At the top and in each section an option comes first, not a section. */
static struct parse *
parse_of(const cfg_t *cfg)
{
	return slot_of(&cfg->opts[0])->parse;
}

static int
out_of_memory(struct parse *parse)
{
	faults_add_at(parse->faults, (struct place){ parse->path, 0 }, "%s", strerror(ENOMEM));
	faults_blame(parse->faults, ENOMEM);
	parse->told = true;
	return -1;
}

static int
note_section(struct parse *parse, const cfg_t *section, const char *name)
{
	struct config_file *file = parse->file;
	struct config_section *sections;
	char *title = NULL;

	if (section->title != NULL && (title = strdup(section->title)) == NULL)
		return out_of_memory(parse);
	sections = reallocarray(file->sections, file->section_count + 1, sizeof(*sections));
	if (sections == NULL) {
		free(title);
		return out_of_memory(parse);
	}
	/* So far libconfuse found no fault: each "{" outside of all others opened a section. */
	sections[file->section_count] = (struct config_section){
		.name = name, .title = title, .first_entry = file->entry_count,
		.line = parse->scan.section_lines[file->section_count],
	};
	file->sections = sections;
	file->section_count++;
	parse->section = section;
	return 0;
}

/* The list that was written where libconfuse has read this value, or NULL. */
static const struct config_list *
next_list(struct parse *parse)
{
	const struct config_scan *scan = &parse->scan;

	/* So far libconfuse found no fault: there was a value for each "=". */
	parse->assignments++;
	if (parse->lists == scan->list_count ||
	    scan->lists[parse->lists].assignment != parse->assignments)
		return NULL;
	return &scan->lists[parse->lists++];
}

static int
note_entry(struct parse *parse, const struct option_row *row, const char *text, int line)
{
	const struct config_list *list = next_list(parse);
	struct config_file *file = parse->file;
	char *value;

	if (file->entry_count == file->entry_room) {
		const size_t room = file->entry_room == 0 ? 16 : file->entry_room * 2;
		struct config_entry *entries = reallocarray(file->entries, room, sizeof(*entries));

		if (entries == NULL)
			return out_of_memory(parse);
		file->entries = entries;
		file->entry_room = room;
	}
	if ((value = strdup(list != NULL ? list->text : text)) == NULL)
		return out_of_memory(parse);
	file->entries[file->entry_count++] = (struct config_entry){
		.row = row, .value = value, .is_list = list != NULL, .line = line,
	};
	if (row != NULL && *row->section != '\0')
		file->sections[file->section_count - 1].entry_count++;
	return 0;
}

/* libconfuse calls this for each NAME = VALUE; it takes anything, so that parsing goes on. */
static int
take_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	const struct slot *slot = slot_of(opt);
	const struct option_row *row = slot->row;
	struct parse *parse = slot->parse;

	*(void **)result = NULL;
	if (row == NULL || *row->section == '\0')
		return note_entry(parse, row, value, cfg->line);
	if (cfg == parse->root) { /* libconfuse takes "section|option" for a name */
		faults_add_at(parse->faults, (struct place){ parse->path, cfg->line },
		    "write %s { %s = ... }", row->section, row->name);
		parse->told = true;
		return -1;
	}
	if (cfg != parse->section && note_section(parse, cfg, row->section) != 0)
		return -1;
	return note_entry(parse, row, value, cfg->line);
}

/* libconfuse calls this at the end of each section. */
static int
end_section(cfg_t *cfg, cfg_opt_t *opt)
{
	struct parse *parse = parse_of(cfg);
	const cfg_t *section = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	const struct slot *slot = slot_of(&section->opts[0]);

	if (section != parse->section && note_section(parse, section, slot->row->section) != 0)
		return -1;
	parse->file->sections[parse->file->section_count - 1].closed = true;
	return 0;
}

/* --- what libconfuse says, in words of our own --------------------------------- */

static void
tell_unknown(struct parse *parse, const cfg_t *cfg, const char *name)
{
	const bool inside = cfg != parse->root;
	char *advice = option_advise(inside ? cfg->name : "", name, false);
	char shown[ESCAPE_TEXT_SIZE];

	faults_add_at(parse->faults, (struct place){ parse->path, cfg->line },
	    "unknown option %s%s%s: %s", escape_payload(name, strlen(name), shown),
	    inside ? " in " : "", inside ? cfg->name : "",
	    advice != NULL ? advice : strerror(ENOMEM));
	free(advice);
}

static void
tell_duplicate(struct parse *parse, const cfg_t *cfg, const char *title)
{
	const struct config_file *file = parse->file;
	char shown[ESCAPE_TEXT_SIZE];
	int first = 0;

	for (size_t i = 0; i < file->section_count && first == 0; i++)
		if (file->sections[i].title != NULL && strcmp(file->sections[i].title, title) == 0)
			first = file->sections[i].line;
	faults_add_at(parse->faults, (struct place){ parse->path, cfg->line },
	    "listener %s is given twice, first on line %d: give it another name",
	    escape_payload(title, strlen(title), shown), first);
}

/* libconfuse's formats, each with at most one "%s"; `quoted`: that one may hold anything. */
static const struct {
	const char *theirs, *ours;
	bool quoted;
} wordings[] = {
	{ "premature end of file", "the file ends in the middle of an option%s", false },
	{ "unexpected closing brace", "unexpected \"}\": no section is open here%s", false },
	{ "unexpected token '%s'", "unexpected %s: write NAME = VALUE, or SECTION { ... }", true },
	{ "attempt to append to non-list option '%s'",
	    "nothing can be added to %s: write \"=\", not \"+=\"", false },
	{ "missing equal sign after option '%s'", "\"=\" is missing after %s", false },
	{ "missing opening brace for section '%s'", "\"{\" is missing after %s", false },
	{ "missing title for section '%s'", "the name is missing: write %s NAME { ... }", false },
};

static void
tell_syntax(struct parse *parse, const cfg_t *cfg, const char *format, const char *token)
{
	const struct place place = { parse->path, cfg->line };
	char shown[ESCAPE_TEXT_SIZE];

	for (size_t i = 0; i < sizeof(wordings) / sizeof(wordings[0]); i++) {
		const char *ours = wordings[i].ours;
		const char *gap = strstr(ours, "%s");

		if (strcmp(format, wordings[i].theirs) != 0)
			continue;
		if (wordings[i].quoted)
			token = escape_payload(token, strlen(token), shown);
		faults_add_at(parse->faults, place, "%.*s%s%s", (int)(gap - ours), ours, token,
		    gap + strlen("%s"));
		return;
	}
	faults_add_at(parse->faults, place, "%s: %s", format,
	    escape_payload(token, strlen(token), shown));
}

static void
take_error(cfg_t *cfg, const char *format, va_list arguments)
{
	struct parse *parse = parse_of(cfg);
	const char *token = "";

	if (parse->told)
		return;
	parse->told = true;
	if (strcmp(format, "premature end of file") == 0 && parse->cut)
		return;
	if (strstr(format, "%s") != NULL)
		token = va_arg(arguments, const char *);
	if (strcmp(format, "no such option '%s'") == 0)
		tell_unknown(parse, cfg, token);
	else if (strcmp(format, "found duplicate title '%s'") == 0)
		tell_duplicate(parse, cfg, token);
	else
		tell_syntax(parse, cfg, format, token);
}

/* --- running libconfuse ------------------------------------------------------- */

/* The table's rows as libconfuse's options.  Its sections are laid out behind the top level. */
static void
lay_out(cfg_opt_t *top, cfg_opt_t *inner, struct slot *slots, struct parse *parse)
{
	const char *section = "";

	for (size_t i = 0; i < option_row_count; i++) {
		const struct option_row *row = &option_rows[i];
		cfg_opt_t *opt = *row->section == '\0' ? top++ : inner;

		slots[i] = (struct slot){ .parse = parse, .row = row };
		if (strcmp(row->section, section) != 0) {
			section = row->section;
			opt = ++inner; /* past the end of the section before */
			*top++ = (cfg_opt_t){
				.name = section, .type = CFGT_SEC,
				.subopts = inner, .validcb = end_section,
				.flags = option_is_of_listener(row) ?
				    CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES : CFGF_MULTI,
			};
		}
		if (*row->section != '\0')
			inner++;
		*opt = (cfg_opt_t){
			.name = row->name, .type = CFGT_PTR, .parsecb = take_value,
			.simple_value.ptr = &slots[i].value,
		};
	}
}

/* Parses `size` > 0 bytes with these options; false: libconfuse stopped early. */
static bool
run(struct parse *parse, cfg_opt_t *opts, char *text, size_t size)
{
	FILE *stream = fmemopen(text, size, "r");
	bool done = false;

	parse->root = stream != NULL ? cfg_init(opts, CFGF_NONE) : NULL;
	if (parse->root != NULL) {
		cfg_set_error_function(parse->root, take_error);
		done = cfg_parse_fp(parse->root, stream) == CFG_SUCCESS;
		if (!done && !parse->told) /* it says nothing of an empty name */
			faults_add_at(parse->faults,
			    (struct place){ parse->path, parse->root->line },
			    "the name of an option is missing");
		cfg_free(parse->root);
	} else {
		out_of_memory(parse);
	}
	if (stream != NULL)
		fclose(stream);
	return done;
}

static void
parse_text(struct parse *parse, char *text, size_t size)
{
	/* The top level has at most a name for each row; so do the sections, and an end each. */
	cfg_opt_t *opts = calloc(option_row_count * 3 + 2, sizeof(*opts));
	struct slot *slots = calloc(option_row_count, sizeof(*slots));

	if (opts != NULL && slots != NULL) {
		lay_out(opts, opts + option_row_count, slots, parse);
		parse->file->complete = run(parse, opts, text, size) && !parse->cut;
	} else {
		out_of_memory(parse);
	}
	free(opts);
	free(slots);
}

static void
scan_and_parse(struct parse *parse, char *text, size_t size)
{
	struct config_file *file = parse->file;
	struct config_scan *scan = &parse->scan;

	if (!config_scan(text, size, scan)) {
		faults_blame(parse->faults, errno);
		faults_add_at(parse->faults, (struct place){ parse->path, scan->fault_line }, "%s",
		    scan->fault);
		parse->cut = true;
		size = scan->good;
	}
	/* So that a fault of the end is told of a line that is there. */
	while (size > 0 && strchr(" \t\r\n", text[size - 1]) != NULL)
		size--;
	file->complete = !parse->cut;
	if (size == 0)
		return;
	parse_text(parse, text, size);
	if (scan->in_section && file->section_count > 0)
		file->sections[file->section_count - 1].closed = false;
}

/* --- reading the file ---------------------------------------------------------- */

/* Returns what is wrong with it as a configuration file, or NULL. */
static const char *
check_kind(int fd)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return strerror(errno);
	if (S_ISDIR(status.st_mode))
		return "this is a directory: give a file";
	if (!S_ISREG(status.st_mode))
		return "this is no regular file";
	return NULL;
}

/* Reads all of it into `text`, FILE_SIZE_MAX + 1 bytes.  Returns what failed, or NULL. */
static const char *
read_all(int fd, char *text, size_t *size)
{
	ssize_t got;

	*size = 0;
	do {
		got = read(fd, text + *size, FILE_SIZE_MAX + 1 - *size);
		if (got > 0)
			*size += (size_t)got;
		else if (got < 0 && errno != EINTR)
			return strerror(errno);
	} while (got != 0 && *size <= FILE_SIZE_MAX);
	return *size <= FILE_SIZE_MAX ? NULL : "larger than 1 MiB: this is no configuration file";
}

void
config_file_read(struct config_file *file, const char *path, bool may_be_missing,
    struct faults *faults)
{
	struct parse parse = { .file = file, .faults = faults, .path = path };
	const struct place place = { path, 0 };
	const char *failure;
	char *text;
	size_t size = 0;
	int fd;

	memset(file, 0, sizeof(*file));
	/* Without O_NONBLOCK a fifo would block here until someone writes to it. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		file->complete = may_be_missing && errno == ENOENT;
		if (!file->complete)
			faults_add_at(faults, place, "%s", strerror(errno));
		return;
	}
	if ((text = malloc(FILE_SIZE_MAX + 1)) == NULL)
		failure = strerror(ENOMEM);
	else if ((failure = check_kind(fd)) == NULL)
		failure = read_all(fd, text, &size);
	close(fd);
	if (failure != NULL)
		faults_add_at(faults, place, "%s", failure);
	else
		scan_and_parse(&parse, text, size);
	config_scan_free(&parse.scan);
	free(text);
}

void
config_file_free(struct config_file *file)
{
	for (size_t i = 0; i < file->section_count; i++)
		free(file->sections[i].title);
	for (size_t i = 0; i < file->entry_count; i++)
		free(file->entries[i].value);
	free(file->sections);
	free(file->entries);
}

/* --- one value -------------------------------------------------------------------- */

bool
config_value_read(struct config_entry *entry, const char *text, struct place place,
    struct faults *faults)
{
	struct config_file file = { .complete = false };
	struct parse parse = { .file = &file, .faults = faults, .path = place.name, .told = true };
	struct slot slot = { .parse = &parse };
	cfg_opt_t opts[] = {
		{ .name = "value", .type = CFGT_PTR, .parsecb = take_value,
		    .simple_value.ptr = &slot.value },
		CFG_END(),
	};
	char *line;
	int length = asprintf(&line, "value = %s", text);

	*entry = (struct config_entry){ .value = NULL };
	if (length < 0) {
		faults_add_at(faults, place, "%s", strerror(ENOMEM));
		return false;
	}
	if (!config_scan(line, (size_t)length, &parse.scan)) {
		faults_add_at(faults, place, "%s", parse.scan.fault);
	} else if (run(&parse, opts, line, (size_t)length) && file.entry_count == 1) {
		*entry = file.entries[0];
		file.entries[0].value = NULL;
	} else {
		faults_add_at(faults, place,
		    "give one value, in quotes where it is empty or holds more than a word");
	}
	free(line);
	config_scan_free(&parse.scan);
	config_file_free(&file);
	return entry->value != NULL;
}
