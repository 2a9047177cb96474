/* Reading and parsing a configuration file: see file.h. */
#include "daemon/config/file.h"

#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config/scan.h"
#include "daemon/config/statements.h"

/* No one writes a longer configuration: the path is that of something else. */
#define FILE_SIZE_MAX ((size_t)1024 * 1024)

/* One run of libconfuse.  Its callbacks find it by the slot of an option. */
struct parse {
	struct config_file *file;
	struct faults *faults;
	const char *path;
	struct config_scan scan;
	struct config_statements statements;
	size_t assignments, lists; /* how many of them it has passed */
	const cfg_t *section; /* the last that was entered; NULL: it has ended */
	bool told;            /* libconfuse's own fault was added, or will be in other words */
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
	faults_add_at(parse->faults, (struct place){ .name = parse->path }, "%s", strerror(ENOMEM));
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
	sections[file->section_count] = (struct config_section){
		.name = name, .title = title, .first_entry = file->entry_count,
		.line = parse->statements.sections[file->section_count].line,
		.whole = parse->statements.sections[file->section_count].whole,
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

	parse->assignments++;
	while (parse->lists < scan->list_count && scan->lists[parse->lists].assignment == 0)
		parse->lists++;
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
	if (cfg != parse->section && note_section(parse, cfg, row->section) != 0)
		return -1;
	return note_entry(parse, row, value, cfg->line);
}

/*
 * The section that has just ended: of those of one title libconfuse keeps one, in the place of
 * the first.  Each is marked by a line that none can have.
 */
static cfg_t *
find_ended(cfg_opt_t *opt)
{
	unsigned i = cfg_opt_size(opt) - 1;

	while (cfg_opt_getnsec(opt, i)->line == 0 && i > 0)
		i--;
	return cfg_opt_getnsec(opt, i);
}

/* libconfuse calls this at the end of each section. */
static int
end_section(cfg_t *cfg, cfg_opt_t *opt)
{
	struct parse *parse = parse_of(cfg);
	cfg_t *section = find_ended(opt);
	const struct slot *slot = slot_of(&section->opts[0]);

	if (section != parse->section && note_section(parse, section, slot->row->section) != 0)
		return -1;
	section->line = 0;
	parse->section = NULL; /* its memory may be the next one's */
	return 0;
}

/* --- running libconfuse ------------------------------------------------------- */

/* What config_statements_read() leaves to be read has no fault but this one. */
static void
take_error(cfg_t *cfg, const char *format, va_list arguments)
{
	struct parse *parse = parse_of(cfg);

	(void)arguments;
	if (!parse->told)
		faults_add_at(parse->faults, (struct place){ .name = parse->path, .line = cfg->line },
		    "libconfuse says: %s", format);
	parse->told = true;
}

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
				    CFGF_MULTI | CFGF_TITLE : CFGF_MULTI,
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
	cfg_t *root = stream != NULL ? cfg_init(opts, CFGF_NONE) : NULL;
	bool done = false;

	if (root != NULL) {
		cfg_set_error_function(root, take_error);
		done = cfg_parse_fp(root, stream) == CFG_SUCCESS;
		cfg_free(root);
	}
	if (stream != NULL)
		fclose(stream);
	if (!done && !parse->told) /* it says nothing where memory runs out */
		out_of_memory(parse);
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
		parse->file->whole = run(parse, opts, text, size) && parse->statements.whole;
	} else {
		out_of_memory(parse);
	}
	free(opts);
	free(slots);
}

static void
scan_and_parse(struct parse *parse, char *text, size_t size)
{
	struct config_statements *statements = &parse->statements;
	const struct place place = { .name = parse->path, .line = 1 };

	config_scan(text, size, place, parse->faults, &parse->scan);
	if (!config_statements_read(text, &parse->scan, parse->path, parse->faults, statements))
		out_of_memory(parse);
	else if (statements->size > 0)
		parse_text(parse, statements->text, statements->size);
	else
		parse->file->whole = statements->whole;
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

const char *
config_needs_reader(const char *path, const char *user, char text[CONFIG_READER_SIZE])
{
	struct stat status;
	size_t used;

	used = (size_t)snprintf(text, CONFIG_READER_SIZE, "uid %u%s%.64s%s must be able to read it",
	    (unsigned)geteuid(), *user != '\0' ? " (" : "", user, *user != '\0' ? ")" : "");
	if (stat(path, &status) == 0)
		snprintf(text + used, CONFIG_READER_SIZE - used,
		    ", but it has mode %04o and belongs to %u:%u",
		    (unsigned)status.st_mode & 07777, (unsigned)status.st_uid,
		    (unsigned)status.st_gid);
	else
		snprintf(text + used, CONFIG_READER_SIZE - used,
		    ", and to search the folders that it is in");
	return text;
}

const char *
config_own_name(const struct config_source *source)
{
	const struct passwd *entry;

	if (source->running != NULL)
		return source->running->user;
	entry = getpwuid(geteuid());
	return entry != NULL ? entry->pw_name : "";
}

/* Says why the file cannot be opened, but for one that may be missing. */
static void
tell_unopened(struct config_file *file, const struct config_source *source, struct faults *faults)
{
	const struct place place = { .name = source->path };
	const char *failure = strerror(errno);
	char reader[CONFIG_READER_SIZE];

	file->whole = errno == ENOENT && source->may_be_missing &&
	    (source->listen_count > 0 || source->asks);
	if (errno == ENOENT && source->may_be_missing && !file->whole)
		faults_add_at(faults, place, "%s: write it, or give -l URI", failure);
	else if (errno == EACCES)
		faults_add_at(faults, place, "%s: %s", failure,
		    config_needs_reader(source->path, config_own_name(source), reader));
	else if (!file->whole)
		faults_add_at(faults, place, "%s", failure);
}

/* Returns what it says, for free(), or NULL, with a fault unless it may be missing. */
static char *
read_file(struct config_file *file, const struct config_source *source, size_t *size,
    struct faults *faults)
{
	const struct place place = { .name = source->path };
	const char *failure;
	char *text;
	int fd;

	/* Without O_NONBLOCK a fifo would block here until someone writes to it. */
	fd = open(source->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		tell_unopened(file, source, faults);
		return NULL;
	}
	if ((text = malloc(FILE_SIZE_MAX + 1)) == NULL)
		failure = strerror(ENOMEM);
	else if ((failure = check_kind(fd)) == NULL)
		failure = read_all(fd, text, size);
	close(fd);
	if (failure == NULL)
		return text;
	faults_add_at(faults, place, "%s", failure);
	free(text);
	return NULL;
}

static char *
copy_text(const struct config_source *source, size_t *size, struct faults *faults)
{
	const struct place place = { .name = source->path };
	char *text = strdup(source->text);

	if (text != NULL)
		*size = strlen(text);
	else
		faults_add_at(faults, place, "%s", strerror(ENOMEM));
	return text;
}

void
config_file_read(struct config_file *file, const struct config_source *source,
    struct faults *faults)
{
	struct parse parse = { .file = file, .faults = faults, .path = source->path };
	size_t size = 0;
	char *text;

	memset(file, 0, sizeof(*file));
	text = source->text != NULL ? copy_text(source, &size, faults)
	    : read_file(file, source, &size, faults);
	if (text == NULL)
		return;
	scan_and_parse(&parse, text, size);
	config_statements_free(&parse.statements);
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
	struct config_file file = { .whole = false };
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
	if (config_scan(line, (size_t)length, place, faults, &parse.scan)) {
		if (parse.scan.list_count > 0)
			parse.scan.lists[0].assignment = 1;
		if (run(&parse, opts, line, (size_t)length) && file.entry_count == 1) {
			*entry = file.entries[0];
			file.entries[0].value = NULL;
		} else {
			faults_add_at(faults, place, "give one value, in quotes where it is empty"
			    " or holds more than a word");
		}
	}
	free(line);
	config_scan_free(&parse.scan);
	config_file_free(&file);
	return entry->value != NULL;
}
