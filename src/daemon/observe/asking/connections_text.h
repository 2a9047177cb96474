/*
 * What echod --status --connections prints, made of what /connections says: a line of 80 columns
 * at most for each connection, and the sources that have most.
 */
#ifndef DAEMON_OBSERVE_ASKING_CONNECTIONS_TEXT_H
#define DAEMON_OBSERVE_ASKING_CONNECTIONS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Reads the `length` bytes at `lines`, of JSON each.  Returns false where that is not all of such
 * an answer, as if there were no more; `out` has what was read before then.  NULL: prints nothing.
 */
bool connections_text_print(const char *lines, size_t length, FILE *out);

#endif
