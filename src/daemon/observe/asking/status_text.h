/*
 * What echod --status prints, made of what /status.json says: what is wrong first, no line longer
 * than 80 columns.
 */
#ifndef DAEMON_OBSERVE_ASKING_STATUS_TEXT_H
#define DAEMON_OBSERVE_ASKING_STATUS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Reads the `length` bytes at `json`.  Returns false where that is no status, nothing printed; or
 * true, with whether it serves in *serves and, where `out` is not NULL, all of it printed there.
 */
bool status_text_print(const char *json, size_t length, bool *serves, FILE *out);

#endif
