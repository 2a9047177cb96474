/* What stays of a configuration that another one follows: see config.h. */
#include "daemon/config/config.h"

#include <stdio.h>
#include <string.h>

#include "daemon/config/value.h"

void
config_keep_fixed(struct config *next, struct config *running,
    void (*changed)(const char *option, const char *running, const char *next))
{
	char label[OPTION_LABEL_SIZE], before[VALUE_TEXT_SIZE], after[VALUE_TEXT_SIZE];

	OPTION_FOR_EACH(row) {
		if (row->effect != ON_RESTART)
			continue;
		if (!value_equal(row, running, next))
			changed(option_label(row, label), value_format(row, running, before),
			    value_format(row, next, after));
		value_swap(row, next, running);
	}
}

/* Two of them, the name and the words between are one line of the log. */
#define SHOWN_SIZE 400

/* "listen.", the name of a listener, ".protocol" and the NUL. */
#define NAME_SIZE (OPTION_LABEL_SIZE + 64)

static void
show(const struct option_row *row, const void *base, char shown[SHOWN_SIZE])
{
	static const char cut[] = "...";
	char text[VALUE_TEXT_SIZE];

	if (snprintf(shown, SHOWN_SIZE, "%s", value_format(row, base, text)) >= SHOWN_SIZE)
		memcpy(shown + SHOWN_SIZE - sizeof(cut), cut, sizeof(cut));
}

/* `running` and `next` are what the row is about; `name` is what the option is called. */
static void
tell_change(const struct option_row *row, const void *running, const void *next, const char *name,
    void (*tell)(const struct config_change *change))
{
	char from[SHOWN_SIZE], to[SHOWN_SIZE];
	const struct config_change change = { name, value_is_set(row), from, to };

	if (value_equal(row, running, next))
		return;
	if (change.is_set) {
		if (value_format_missing(row, running, next, from, sizeof(from)) +
		    value_format_missing(row, next, running, to, sizeof(to)) == 0)
			return;
	} else {
		show(row, running, from);
		show(row, next, to);
	}
	tell(&change);
}

const struct listen_config *
config_find_listener(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->listen_count; i++)
		if (strcmp(config->listen[i].name, name) == 0)
			return &config->listen[i];
	return NULL;
}

static void
tell_of_listeners(const struct option_row *row, const struct config *running,
    const struct config *next, void (*tell)(const struct config_change *change))
{
	char name[NAME_SIZE];

	for (size_t i = 0; i < next->listen_count; i++) {
		const struct listen_config *listen = &next->listen[i];
		const struct listen_config *before = config_find_listener(running, listen->name);

		snprintf(name, sizeof(name), "%s.%s.%s", row->section, listen->name, row->name);
		if (before != NULL && option_is_for(row, before->protocol) &&
		    option_is_for(row, listen->protocol))
			tell_change(row, before, listen, name, tell);
	}
}

void
config_tell_changes(const struct config *running, const struct config *next,
    void (*tell)(const struct config_change *change))
{
	char name[OPTION_LABEL_SIZE];

	OPTION_FOR_EACH(row) {
		if (row->effect == ON_RESTART)
			continue;
		if (!option_is_of_listener(row))
			tell_change(row, running, next, option_label(row, name), tell);
		else
			tell_of_listeners(row, running, next, tell);
	}
}

static bool
is_same(const struct listen_config *a, const struct listen_config *b, enum option_effect effect)
{
	OPTION_FOR_EACH(row)
		if (row->effect == effect && !value_equal(row, a, b))
			return false;
	return true;
}

bool
config_is_same_listener(const struct listen_config *a, const struct listen_config *b)
{
	return strcmp(a->name, b->name) == 0 && is_same(a, b, ON_BIND);
}

bool
config_is_same_address(const struct listen_config *a, const struct listen_config *b)
{
	return is_same(a, b, ON_ADDRESS);
}
