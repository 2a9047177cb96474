/* Loading a configuration from its file and the command line: see config.h. */
#include "daemon/config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "daemon/config/check.h"
#include "daemon/config/credentials.h"
#include "daemon/config/file.h"
#include "daemon/config/options.h"
#include "daemon/config/setting.h"
#include "daemon/config/value.h"

/* The longest name of a listener: it goes into log lines and counters. */
#define LISTENER_NAME_MAX 63

/* Room for "listen NAME: protocol", whatever NAME holds. */
#define SUBJECT_SIZE (ESCAPE_TEXT_SIZE + OPTION_LABEL_SIZE)

/* One config_load() under way. */
struct loading {
	const struct config_source *source;
	struct faults *faults;
	struct config *config;
	struct config_file file;
	struct config_places places;
	char **arguments; /* "-l URI" and "-o NAME=VALUE", as places name them */
	size_t argument_count;
};

static void
out_of_memory(struct loading *loading)
{
	faults_add(loading->faults, "%s", strerror(ENOMEM));
	faults_blame(loading->faults, ENOMEM);
}

/* A place in the file; 0: the file itself. */
static struct place
at_line(const struct loading *loading, int line)
{
	return (struct place){ .name = loading->source->path, .line = line };
}

/* --- listeners ------------------------------------------------------------------ */

/* What a listener has where it says nothing of it: what the section of TLS says, for one. */
static bool
set_defaults(const struct config *config, struct listen_config *listen)
{
	if (values_set_defaults(listen, true) == -1)
		return false;
	OPTION_FOR_EACH(row)
		if (row->use == FOR_TLS && option_is_of_listener(row) &&
		    !value_copy(option_find("tls", row->name), config, row, listen))
			return false;
	return true;
}

/* Appends one with the defaults; `name` becomes its own, or is freed.  NULL: no memory. */
static struct listen_config *
add_listener(struct loading *loading, char *name, struct place place)
{
	struct config *config = loading->config;
	struct listen_config *listen;

	listen = &config->listen[config->listen_count];
	listen->name = name;
	loading->places.listen[config->listen_count] = place;
	config->listen_count++;
	if (name != NULL && set_defaults(config, listen))
		return listen;
	loading->places.listen[config->listen_count - 1].name = NULL;
	out_of_memory(loading);
	return NULL;
}

static void
free_listener(struct listen_config *listen)
{
	tls_context_release(listen->tls);
	values_free(listen, true);
	free(listen->name);
}

void
config_drop_listener(struct config *config, size_t index)
{
	struct listen_config *listen = &config->listen[index];

	free_listener(listen);
	config->listen_count--;
	memmove(listen, listen + 1, (config->listen_count - index) * sizeof(*listen));
}

static void
drop_listeners(struct config *config)
{
	for (size_t i = 0; i < config->listen_count; i++)
		free_listener(&config->listen[i]);
	free(config->listen);
	config->listen = NULL;
	config->listen_count = 0;
}

/* Makes room for `count` listeners; the ones before are gone. */
static bool
replace_listeners(struct loading *loading, size_t count)
{
	drop_listeners(loading->config);
	free(loading->places.listen);
	loading->config->listen = calloc(count + 1, sizeof(*loading->config->listen));
	loading->places.listen = calloc(count + 1, sizeof(*loading->places.listen));
	if (loading->config->listen != NULL && loading->places.listen != NULL)
		return true;
	out_of_memory(loading);
	return false;
}

static void
check_listener_name(struct loading *loading, const char *name, int line)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
	                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	const size_t length = strlen(name);
	char shown[ESCAPE_TEXT_SIZE];

	if (length == 0 || length > LISTENER_NAME_MAX || strspn(name, allowed) != length)
		faults_add_at(loading->faults, at_line(loading, line),
		    "listen %s: give a name of 1 to %d letters, digits, \"_\", \".\" and \"-\"",
		    escape_payload(name, length, shown), LISTENER_NAME_MAX);
}

/* --- the file --------------------------------------------------------------------- */

static bool
is_listen(const struct config_section *section)
{
	return section->title != NULL;
}

/* A listener, or all that is outside of listeners, and how far the file has set it. */
struct target {
	void *base;          /* the struct that the options go to */
	const char *title;   /* NULL: not a listener */
	int *first_lines;    /* as option_rows: where each was set first; 0: not yet */
	struct place *place; /* of a listener: loses its name when a value is bad */
	bool lacks_protocol; /* of a listener: that one was bad */
};

/* What an entry sets, in words: "limits.idle_timeout", "listen echo-tcp: port". */
static const char *
subject_of(const struct target *target, const struct option_row *row, char text[SUBJECT_SIZE])
{
	char shown[ESCAPE_TEXT_SIZE];

	if (target->title == NULL)
		return option_label(row, text);
	snprintf(text, SUBJECT_SIZE, "listen %s: %s", setting_show(target->title, shown), row->name);
	return text;
}

static void
apply_entry(struct loading *loading, struct target *target, const struct config_entry *entry)
{
	const struct place place = at_line(loading, entry->line);
	const size_t index = (size_t)(entry->row - option_rows);
	char subject[SUBJECT_SIZE];
	const struct setting setting = { entry, subject, place, target->base };

	subject_of(target, entry->row, subject);
	if (target->first_lines[index] != 0)
		faults_add_at(loading->faults, place, "%s is set twice, first on line %d", subject,
		    target->first_lines[index]);
	else
		target->first_lines[index] = entry->line;
	if (target->title == NULL)
		loading->places.options[index] = place;
	if (setting_apply(&setting, loading->faults))
		return;
	if (target->place == NULL) {
		loading->places.lacks_tls |= entry->row->use == FOR_TLS;
		return;
	}
	target->place->name = NULL;
	target->lacks_protocol |= entry->row->type == OPTION_PROTOCOL;
}

static bool
is_same_section(const struct config_section *a, const struct config_section *b)
{
	return strcmp(a->name, b->name) == 0 &&
	    (a->title == NULL || strcmp(a->title, b->title) == 0);
}

static void
check_repetition(struct loading *loading, size_t index)
{
	const struct config_section *sections = loading->file.sections, *section = &sections[index];
	const struct place place = at_line(loading, section->line);
	char shown[ESCAPE_TEXT_SIZE];
	size_t first = 0;

	while (!is_same_section(section, &sections[first]))
		first++;
	if (first == index)
		return;
	if (is_listen(section))
		faults_add_at(loading->faults, place,
		    "listener %s is given twice, first on line %d: give it another name",
		    escape_payload(section->title, strlen(section->title), shown),
		    sections[first].line);
	else
		faults_add_at(loading->faults, place,
		    "section %s is given twice, first on line %d: join them", section->name,
		    sections[first].line);
}

static void
check_required(struct loading *loading, const struct target *target, struct place place)
{
	const struct listen_config *listen = target->base;
	char shown[ESCAPE_TEXT_SIZE], right[VALUE_RIGHT_SIZE];

	OPTION_FOR_EACH(row)
		if (row->fallback == NULL && option_is_for(row, listen->protocol) &&
		    target->first_lines[row - option_rows] == 0) {
			faults_add_at(loading->faults, place, "listen %s: %s is missing: %s",
			    setting_show(target->title, shown), row->name, value_range(row, right));
			target->place->name = NULL;
		}
}

/* What says where is one thing for protocols with ports, and another for those without. */
static void
check_fitting(struct loading *loading, const struct target *target)
{
	const struct listen_config *listen = target->base;
	char shown[ESCAPE_TEXT_SIZE], names[PROTOCOLS_TEXT_SIZE];

	OPTION_FOR_EACH(row) {
		const int line = target->first_lines[row - option_rows];

		if (line == 0 || option_is_for(row, listen->protocol))
			continue;
		faults_add_at(loading->faults, at_line(loading, line),
		    "listen %s: %s is not for protocol = \"%s\": leave it out, or give"
		    " protocol = %s", setting_show(target->title, shown), row->name,
		    protocol_name(listen->protocol),
		    option_protocols(row, names));
		target->place->name = NULL;
	}
}

/* `first_lines` is scratch.  Returns false when memory ran out. */
static bool
apply_listener(struct loading *loading, const struct config_section *section, int *first_lines)
{
	const struct config_file *file = &loading->file;
	const struct place place = at_line(loading, section->line);
	struct target target = { .title = section->title, .first_lines = first_lines };

	check_listener_name(loading, section->title, section->line);
	target.place = &loading->places.listen[loading->config->listen_count];
	target.base = add_listener(loading, strdup(section->title), place);
	if (target.base == NULL)
		return false;
	memset(first_lines, 0, option_row_count * sizeof(*first_lines));
	for (size_t i = 0; i < section->entry_count; i++)
		apply_entry(loading, &target, &file->entries[section->first_entry + i]);
	if (!section->whole)
		target.place->name = NULL;
	if (!target.lacks_protocol)
		check_fitting(loading, &target);
	if (section->whole && !target.lacks_protocol)
		check_required(loading, &target, place);
	return true;
}

static void
apply_sections(struct loading *loading, int *first_lines)
{
	const struct config_file *file = &loading->file;

	for (size_t i = 0; i < file->section_count; i++) {
		check_repetition(loading, i);
		if (is_listen(&file->sections[i]) &&
		    !apply_listener(loading, &file->sections[i], first_lines))
			return;
	}
}

/* What is outside of listeners, which they may have their defaults of. */
static void
apply_file(struct loading *loading, struct target *global)
{
	const struct config_file *file = &loading->file;

	for (size_t i = 0; i < file->entry_count; i++)
		if (!option_is_of_listener(file->entries[i].row))
			apply_entry(loading, global, &file->entries[i]);
}

/* --- the command line --------------------------------------------------------------- */

/* Keeps "-l URI" for the places that name it. */
static struct place
keep_argument(struct loading *loading, char letter, const char *text)
{
	char *argument;

	if (asprintf(&argument, "-%c %s", letter, text) < 0) {
		out_of_memory(loading);
		return (struct place){ .name = "out of memory" };
	}
	loading->arguments[loading->argument_count++] = argument;
	return (struct place){ argument, 0, true };
}

static void
apply_uri(struct loading *loading, size_t index)
{
	const char *text = loading->source->listen[index];
	const struct place place = keep_argument(loading, 'l', text);
	char right[VALUE_RIGHT_SIZE], *name;
	struct listen_config *listen;
	struct endpoint endpoint;
	const char *fault = endpoint_parse(&endpoint, text);

	if (fault != NULL) {
		faults_add_at(loading->faults, place, "%s", fault);
		return;
	}
	if (asprintf(&name, "%s-%zu", protocol_name(endpoint.protocol), index + 1) < 0)
		name = NULL;
	if ((listen = add_listener(loading, name, place)) == NULL)
		return;
	listen->protocol = endpoint.protocol;
	listen->port = endpoint.port;
	if (!value_parse(option_find("listen", protocol_has_ports(endpoint.protocol) ? "address"
	    : "path"), endpoint.host, listen, right)) {
		faults_add_at(loading->faults, place, "%s", right);
		loading->places.listen[loading->config->listen_count - 1].name = NULL;
	}
}

static void
apply_uris(struct loading *loading)
{
	if (loading->source->listen_count == 0 ||
	    !replace_listeners(loading, loading->source->listen_count))
		return;
	for (size_t i = 0; i < loading->source->listen_count; i++)
		apply_uri(loading, i);
}

/* The row of the NAME in NAME=VALUE, or NULL with a fault added. */
static const struct option_row *
find_setting(struct loading *loading, const char *text, struct place place)
{
	const size_t length = strcspn(text, "=");
	char label[OPTION_LABEL_SIZE], shown[ESCAPE_TEXT_SIZE], *name, *advice;

	if (text[length] == '\0') {
		faults_add_at(loading->faults, place, "write NAME=VALUE");
		return NULL;
	}
	OPTION_FOR_EACH(row)
		if (!option_is_of_listener(row) && strlen(option_label(row, label)) == length &&
		    memcmp(label, text, length) == 0)
			return row;
	if (strncmp(text, "listen", strlen("listen")) == 0 && strchr("=.", text[6]) != NULL) {
		faults_add_at(loading->faults, place, "-o sets no listener: give -l URI");
		return NULL;
	}
	name = strndup(text, length);
	advice = name != NULL ? option_advise("", name, true) : NULL;
	faults_add_at(loading->faults, place, "unknown option %s: %s",
	    escape_payload(text, length, shown), advice != NULL ? advice : strerror(ENOMEM));
	free(advice);
	free(name);
	return NULL;
}

static void
apply_setting(struct loading *loading, const char *text)
{
	const struct place place = keep_argument(loading, 'o', text);
	const struct option_row *row = find_setting(loading, text, place);
	struct config_entry entry;
	const struct setting setting = { &entry, NULL, place, loading->config };

	if (row == NULL ||
	    !config_value_read(&entry, strchr(text, '=') + 1, place, loading->faults))
		return;
	entry.row = row;
	if (setting_apply(&setting, loading->faults))
		loading->places.options[row - option_rows] = place;
	else
		loading->places.lacks_tls |= row->use == FOR_TLS;
	free(entry.value);
}

static void
apply_settings(struct loading *loading)
{
	const struct config_source *source = loading->source;
	struct config *config = loading->config;

	for (size_t i = 0; i < source->set_count; i++)
		apply_setting(loading, source->set[i]);
	if (source->foreground)
		config->log.target = LOG_TARGET_STDERR;
	for (int i = 0; i < source->verbose && config->log.level < LOG_DEBUG; i++)
		config->log.level++;
}

/* --- all of it ---------------------------------------------------------------------- */

static void
apply_all(struct loading *loading)
{
	int *first_lines = calloc(option_row_count, sizeof(*first_lines));
	struct target global = { .base = loading->config, .first_lines = first_lines };

	if (first_lines == NULL) {
		out_of_memory(loading);
		return;
	}
	apply_file(loading, &global);
	apply_settings(loading);
	if (replace_listeners(loading, loading->file.section_count))
		apply_sections(loading, first_lines);
	apply_uris(loading);
	free(first_lines);
}

static void
load(struct loading *loading)
{
	const struct config_source *source = loading->source;

	errno = 0;
	config_file_read(&loading->file, source, loading->faults);
	loading->places.whole = loading->file.whole;
	apply_all(loading);
	faults_blame(loading->faults, errno); /* whatever ran out on the way */
	if (source->asks)
		return;
	config_check(loading->config, source->running, &loading->places, loading->faults);
	credentials_load(loading->config, source, &loading->places, loading->faults);
	if (loading->file.whole && loading->config->listen_count == 0 &&
	    source->listen_count == 0)
		faults_add_at(loading->faults, at_line(loading, 0),
		    "no listener: add one, such as listen echo-tcp { port = 7 }, or give -l");
}

static bool
prepare(struct loading *loading)
{
	const struct config_source *source = loading->source;

	loading->config = calloc(1, sizeof(*loading->config));
	loading->places.options = calloc(option_row_count, sizeof(*loading->places.options));
	loading->arguments =
	    calloc(source->listen_count + source->set_count + 1, sizeof(*loading->arguments));
	return loading->config != NULL && loading->places.options != NULL &&
	    loading->arguments != NULL && values_set_defaults(loading->config, false) == 0;
}

/* Who asks need not have keys that he may not read, nor wait until a file is mended. */
static bool
is_good_enough(const struct loading *loading)
{
	struct endpoint_view endpoints[CONFIG_OBSERVE_MAX];

	return loading->source->asks && loading->config != NULL &&
	    config_observe_endpoints(loading->config, endpoints) > 0;
}

struct config *
config_load(const struct config_source *source, struct faults *faults)
{
	struct loading loading = { .source = source, .faults = faults };
	const size_t faults_before = faults_count(faults);

	if (prepare(&loading))
		load(&loading);
	else
		out_of_memory(&loading);
	config_file_free(&loading.file);
	free(loading.places.options);
	free(loading.places.listen);
	for (size_t i = 0; i < loading.argument_count; i++)
		free(loading.arguments[i]);
	free(loading.arguments);
	if (faults_count(faults) == faults_before || is_good_enough(&loading))
		return loading.config;
	config_free(loading.config);
	return NULL;
}

struct endpoint_view
config_endpoint(const struct listen_config *listen)
{
	const char *host =
	    protocol_has_ports(listen->protocol) ? listen->address : listen->path;

	return (struct endpoint_view){ listen->protocol, host, listen->port };
}

size_t
config_observe_endpoints(const struct config *config,
    struct endpoint_view endpoints[CONFIG_OBSERVE_MAX])
{
	size_t count = 0;

	if (*config->observe.address != '\0')
		endpoints[count++] = (struct endpoint_view){
			protocol_default(), config->observe.address, config->observe.port,
		};
	if (*config->observe.path != '\0')
		endpoints[count++] =
		    (struct endpoint_view){ protocol_of_paths(), config->observe.path, 0 };
	return count;
}

bool
config_take_over_endpoint(const struct config *config, struct endpoint_view *endpoint)
{
	*endpoint = (struct endpoint_view){ protocol_of_paths(), config->take_over.path, 0 };
	return *config->take_over.path != '\0';
}

static bool
is_file(const char *path)
{
	return *path != '\0' && !unix_name_is_abstract(path);
}

bool
config_has_files(const struct config *config)
{
	if (is_file(config->observe.path) || is_file(config->take_over.path))
		return true;
	for (size_t i = 0; i < config->listen_count; i++)
		if (!protocol_has_ports(config->listen[i].protocol) && is_file(config->listen[i].path))
			return true;
	return false;
}

void
config_free(struct config *config)
{
	if (config == NULL)
		return;
	drop_listeners(config);
	values_free(config, false);
	free(config);
}
