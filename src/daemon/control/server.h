/*
 * The running daemon: what the control thread does from start to stop.
 */
#ifndef DAEMON_CONTROL_SERVER_H
#define DAEMON_CONTROL_SERVER_H

#include <stdbool.h>

#include "base/faults.h"
#include "daemon/config/config.h"
#include "daemon/control/ready.h"
#include "daemon/handover/kept.h"
#include "daemon/listen/inherited.h"

/* With what it starts. */
struct server_start {
	struct config *config; /* taken over */
	const struct config_source *source; /* of a reload */
	struct inherited *inherited; /* outlives it, and gets what another one has */
	struct ready *ready;   /* taken over */
	bool takes_over;       /* from another one, by hand */
	struct kept *kept;     /* what the service manager kept of the one before; NULL: nothing */
	char *fault;           /* of what `source` says: `config` is of the one before; NULL; taken over */
};

/*
 * Serves until a signal ends it, or a successor takes over.  Returns the exit status, after an error
 * in the log where it could not start.
 */
int server_run(const struct server_start *with);

/*
 * The configuration that travelled in *kept, for one that starts while that of `source` cannot be
 * had.  Returns it, or NULL with faults.
 */
struct config *server_configuration_before(const struct config_source *source, struct kept *kept,
    struct faults *faults);

#endif
