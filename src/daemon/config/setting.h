/* One value that is given, by the file or a -o, brought to its option with what is wrong told. */
#ifndef DAEMON_CONFIG_SETTING_H
#define DAEMON_CONFIG_SETTING_H

#include "base/escape.h"
#include "base/faults.h"
#include "daemon/config/file.h"

struct setting {
	const struct config_entry *entry;
	const char *subject; /* what it is called there; NULL: its place says it */
	struct place place;
	void *base; /* the struct that it goes to */
};

/* Adds what is wrong to *faults, and returns false then. */
bool setting_apply(const struct setting *setting, struct faults *faults);

/* Returns the text as it can be shown: bare when it is one plain word, else quoted and escaped. */
const char *setting_show(const char *text, char shown[ESCAPE_TEXT_SIZE]);

#endif
