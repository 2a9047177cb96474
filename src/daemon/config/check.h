/*
 * The checks of a configuration that no option can make alone: what two options
 * say of each other, and what the system must know (users, groups).
 */
#ifndef DAEMON_CONFIG_CHECK_H
#define DAEMON_CONFIG_CHECK_H

#include "base/faults.h"
#include "daemon/config/config.h"

/* Where each value was set, for the faults. */
struct config_places {
	struct place *options; /* as option_rows */
	struct place *listen;  /* as config->listen; name NULL: faulty already, not to be checked */
	bool whole; /* false: a fault of the file may have taken the option that another needs */
	bool lacks_tls; /* true: a value of the section tls was bad, which listeners may need */
};

/*
 * Adds what is wrong to *faults.  The user database may be a service that does not answer: the
 * names that `running` has too, where it is not NULL, are not looked up again.
 */
void config_check(const struct config *config, const struct config *running,
    const struct config_places *places, struct faults *faults);

/* Leaves out one listener, of those that are checked. */
void config_drop_listener(struct config *config, size_t index);

#endif
