/*
 * How echod does, now: what the page at /status.json says, and from which echod --status makes its
 * text.  echod(8) has its fields.
 */
#ifndef DAEMON_OBSERVE_STATUS_JSON_H
#define DAEMON_OBSERVE_STATUS_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "daemon/listen/admission.h"
#include "daemon/listen/listeners.h"
#include "daemon/observe/history.h"

#define STATUS_FAULT_SIZE 512

struct gather;

/* What happened to the server, which alone changes it. */
struct condition {
	time_t started;         /* this process */
	time_t service_started; /* the first of those that took over from each other */
	time_t configured; /* when the configuration in force came into force */
	bool is_draining;
	int64_t drain_end; /* clock_ms() when it ends at the latest */
	char fault[STATUS_FAULT_SIZE]; /* of the last reload; "": it did not fail */
	time_t failed;
};

/* All that is told of: each outlives whoever tells. */
struct observed {
	const struct condition *condition;
	const struct census *census;
	const struct workers *workers;
	const struct listeners *listeners;
	const struct admission *admission;
	const struct history *history;
	struct gather *gather;
};

/* Why it does not serve, a constant, or NULL: it does. */
const char *status_why_not_serving(const struct observed *observed);

/* The text, for free(), with its length, or NULL without memory.  From the control thread. */
char *status_json_make(const struct observed *observed, size_t *length);

#endif
