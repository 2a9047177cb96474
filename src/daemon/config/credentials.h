/*
 * What TLS listeners have of other files: certificates, their keys, and whom to trust.  They are
 * read with the configuration, so that a reload takes all of it or nothing.
 */
#ifndef DAEMON_CONFIG_CREDENTIALS_H
#define DAEMON_CONFIG_CREDENTIALS_H

#include "base/faults.h"
#include "daemon/config/check.h"
#include "daemon/config/config.h"

/*
 * Makes the context of each TLS listener.  Adds what is wrong to *faults; a certificate that has
 * ended is a fault on a reload alone, and there only where none that runs presents it already.
 */
void credentials_load(struct config *config, const struct config_source *source,
    const struct config_places *places, struct faults *faults);

#endif
