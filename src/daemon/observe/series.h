/*
 * The census as series: each a name with its labels, and a number.
 */
#ifndef DAEMON_OBSERVE_SERIES_H
#define DAEMON_OBSERVE_SERIES_H

#include "daemon/account/census.h"

/*
 * Calls `to` for each series, such as echod_connections_open{listener="echo-tcp"} and 3, in the
 * order of the census.  From the control thread.
 */
void series_each(const struct census *census,
    void (*to)(void *arg, const struct family *family, const char *series, uint64_t number),
    void *arg);

#endif
