/*
 * The running daemon: what the control thread does from start to stop.
 */
#ifndef DAEMON_CONTROL_SERVER_H
#define DAEMON_CONTROL_SERVER_H

#include "daemon/config/config.h"
#include "daemon/control/ready.h"
#include "daemon/listen/inherited.h"

/*
 * Serves until a signal ends it, or a successor takes over, as it does itself from another one where
 * it `takes_over`.  Takes over `ready`, and `config`, which `source` gave and gives again on a
 * reload; `inherited` outlives it, and gets what the other one has.  Returns 0 after a clean stop,
 * or -1 after an error in the log.
 */
int server_run(struct config *config, const struct config_source *source,
    struct inherited *inherited, struct ready *ready, bool takes_over);

#endif
