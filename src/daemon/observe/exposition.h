/*
 * The census as text, in the format of Prometheus, version 0.0.4: the families one after the
 * other, each with what it is and its series, such as
 *
 *	# HELP echod_connections_open Connections that are open now.
 *	# TYPE echod_connections_open gauge
 *	echod_connections_open{listener="echo-tcp"} 3
 *
 * From the control thread.
 */
#ifndef DAEMON_OBSERVE_EXPOSITION_H
#define DAEMON_OBSERVE_EXPOSITION_H

#include "daemon/account/census.h"

/* What the answer of an HTTP server calls it. */
#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Returns all of it, for free(), with its size in *size; NULL where memory ran out. */
char *exposition_render(const struct census *census, size_t *size);

/*
 * Calls `to` for each series, with its line, in the same order; of a histogram for its sum and its
 * count.
 */
void exposition_each(const struct census *census, void (*to)(void *arg, const char *line),
    void *arg);

#endif
