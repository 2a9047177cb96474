/*
 * The successor: how the server takes over from another one, which serves (daemon/handover/take.h),
 * or from the service manager, which kept what the one before had (daemon/handover/kept.h).
 */
#ifndef DAEMON_CONTROL_TAKE_OVER_H
#define DAEMON_CONTROL_TAKE_OVER_H

#include <stdbool.h>

#include "base/faults.h"
#include "daemon/config/config.h"

struct server;

/*
 * Before all else: asks the one that serves, at the path of `config`, for what listens.  Returns 0,
 * or -1 after an error in the log.
 */
int take_over_ask(struct server *server, const struct config *config);

/*
 * Before all else: finds what listens in the parcel that the service manager kept.  As
 * take_over_ask().
 */
int take_over_find(struct server *server, const struct config *config);

/* Once they are made, and before they are prepared: what listens is theirs, as on a reload. */
bool take_over_listeners(struct server *server, struct faults *faults);
bool take_over_http_listeners(struct server *server, struct faults *faults);

/*
 * Once all is prepared and the threads run: makes all there is this process's own.  Returns 0, and
 * it is; or -1 after an error in the log, and the other one serves on.  Where none was asked,
 * nothing happens.
 */
int take_over_make(struct server *server);

/* Goes on with it, once the configuration is in force. */
void take_over_go_on(struct server *server);

/* What was not taken is still the other one's. */
void take_over_free(struct server *server);

#endif
