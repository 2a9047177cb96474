/*
 * What a configuration changes, part by part.  Each is prepared first, which may fail and then
 * changes nothing; once all are, they are committed, which cannot fail.  A start is a reload
 * from nothing.
 */
#ifndef DAEMON_CONTROL_PARTS_H
#define DAEMON_CONTROL_PARTS_H

#include "daemon/config/config.h"
#include "daemon/listen/listeners.h"

struct server;

/*
 * Prepares all parts for `next`.  Returns true; then the caller ends it by parts_commit() or
 * parts_roll_back().  Returns false with *faults and all as before.
 */
bool parts_prepare(struct server *server, const struct config *next, struct faults *faults);

/*
 * Puts `next` into force and takes it over.  Options that only a restart changes stay as they
 * are, with a warning.  Returns what became of the listeners.
 */
struct listeners_change parts_commit(struct server *server, struct config *next);

/* Gives up what was prepared. */
void parts_roll_back(struct server *server);

#endif
