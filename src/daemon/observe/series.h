/*
 * The counters as a reader sees them: each a series with its labels and a value.
 */
#ifndef DAEMON_OBSERVE_SERIES_H
#define DAEMON_OBSERVE_SERIES_H

#include <stdint.h>
#include <time.h>

#include "daemon/listen/admission.h"
#include "daemon/listen/listeners.h"
#include "daemon/threads/workers.h"

/* What there is to count; all of it the server's. */
struct series_view {
	const struct listeners *listeners;
	const struct admission *admission;
	const struct workers *workers;
	uint64_t reloads_succeeded, reloads_failed;
	time_t started; /* seconds since the epoch */
};

/*
 * Calls `to` for each series, such as
 * echod_connections_open{listener="echo-tcp"} and 3.  From the control thread.
 */
void series_each(const struct series_view *view,
    void (*to)(void *arg, const char *series, uint64_t value), void *arg);

#endif
