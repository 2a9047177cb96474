/*
 * The census as Prometheus reads it: its text format 0.0.4, each family with what it is about
 * before its series.
 */
#ifndef DAEMON_OBSERVE_METRICS_H
#define DAEMON_OBSERVE_METRICS_H

#include <stdbool.h>

#include "daemon/account/census.h"

/* The Content-Type of it. */
#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct evbuffer;

/* Adds all of it to `text`, from the control thread.  Returns false where memory ran out. */
bool metrics_write(const struct census *census, struct evbuffer *text);

#endif
