/*
 * A reload: all of a new configuration comes into force, or none of it.
 */
#ifndef DAEMON_CONTROL_RELOAD_H
#define DAEMON_CONTROL_RELOAD_H

#include "base/faults.h"

struct server;

/* Reads the configuration again, and says in the log and to the manager what became of it. */
void reload(struct server *server);

/* What became of it, for those who ask and for the manager: `fault`, or NULL. */
void reload_tell(struct server *server, const char *fault);

/* Each as a line of the log. */
void reload_log_faults(const struct faults *faults);

#endif
