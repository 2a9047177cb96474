/* What stays of a configuration that another one follows: see config.h. */
#include "daemon/config/config.h"

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
