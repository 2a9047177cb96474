/* What echod owes to its service manager: see supervision.h. */
#include "daemon/control/supervision.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/control/notify.h"
#include "daemon/observe/status_line.h"
#include "daemon/process/manager.h"

/* How often a status that has changed is told, and how often in a drain: ms. */
#define STATUS_EVERY 5000
#define DRAIN_STATUS_EVERY 2000

/* How soon after a worker seemed to hang it is looked at again: ms. */
#define DOUBT 1000

/* How many signs of life there are in the time that the manager waits for one. */
#define SIGNS 4

/* How long it is between two of them at least, and no less than the kernel's tick: ms. */
#define SHORTEST 10

struct supervision {
	struct supervised of;
	struct notify *notify; /* NULL: no manager listens */
	struct event *tick;
	int64_t watchdog;   /* ms; 0: none */
	bool doubted;       /* a worker seemed to hang when last looked at */
	int64_t told;       /* clock_ms() when the status was told */
	int64_t drain_end;  /* clock_ms() when it ends at the latest; 0: no drain */
	int64_t hand_over_end; /* the same of what ends before a hand-over */
	char status[STATUS_LINE_SIZE];
	char fault[STATUS_LINE_SIZE]; /* of the last reload; "": there was none */
	time_t failed;
};

/* --- the status -------------------------------------------------------------------- */

static void
format_serving(const struct supervision *supervision, char text[STATUS_LINE_SIZE])
{
	const struct supervised *of = &supervision->of;
	const struct status_line status = {
		.listeners = listeners_count(of->listeners),
		.connections = of->admission->open,
		.bytes = census_total(of->census, ROW_SENT_BYTES),
		.datagrams = census_total(of->census, ROW_DATAGRAMS_SENT),
		.fault = supervision->fault[0] != '\0' ? supervision->fault : NULL,
		.failed = supervision->failed,
	};

	status_line_format(&status, text);
}

/* Makes it anew.  Returns true when it has changed. */
static bool
renew_status(struct supervision *supervision)
{
	char text[STATUS_LINE_SIZE];

	if (supervision->drain_end != 0)
		status_line_format_drain(supervision->of.admission->open,
		    supervision->drain_end - clock_ms(), text);
	else if (supervision->hand_over_end != 0)
		status_line_format_hand_over(supervision->of.admission->tied,
		    supervision->hand_over_end - clock_ms(), text);
	else
		format_serving(supervision, text);
	supervision->told = clock_ms();
	if (strcmp(text, supervision->status) == 0)
		return false;
	memcpy(supervision->status, text, strlen(text) + 1);
	return true;
}

/* --- signs of life ------------------------------------------------------------------- */

/*
 * One look is no proof: the host or the process may have been stopped, and this thread goes
 * on first.
 */
static void
feed_watchdog(struct supervision *supervision)
{
	size_t hung;

	if (!workers_find_hung(supervision->of.workers, clock_ms(), &hung)) {
		supervision->doubted = false;
		notify_feed_watchdog(supervision->notify);
		return;
	}
	if (supervision->doubted)
		log_warning_limited("worker-%zu hangs: the service manager's watchdog is not fed",
		    hung);
	supervision->doubted = true;
}

/* Once its time is over the manager is asked for no more, should something hang. */
static bool
is_ending(const struct supervision *supervision)
{
	return supervision->drain_end != 0 || supervision->hand_over_end > clock_ms();
}

static int64_t
status_every(const struct supervision *supervision)
{
	return is_ending(supervision) ? DRAIN_STATUS_EVERY : STATUS_EVERY;
}

static void
arm(struct supervision *supervision)
{
	const int64_t sign = supervision->watchdog / SIGNS;
	int64_t after = status_every(supervision);

	if (supervision->watchdog > 0 && sign < after)
		after = sign > SHORTEST ? sign : SHORTEST;
	if (supervision->doubted && DOUBT < after)
		after = DOUBT;
	loop_set_timer(supervision->tick, after);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct supervision *supervision = arg;
	unsigned words = is_ending(supervision) ? NOTIFY_EXTEND : 0;

	(void)fd;
	(void)what;
	if (supervision->watchdog > 0)
		feed_watchdog(supervision);
	/* Less than a tick is missing where the clock went on between the last time and arm(). */
	if (clock_ms() - supervision->told > status_every(supervision) - SHORTEST) {
		if (renew_status(supervision))
			words |= NOTIFY_STATUS;
		notify_tell(supervision->notify, words);
	}
	arm(supervision);
}

/* --- life ---------------------------------------------------------------------------- */

struct supervision *
supervision_new(const struct supervised *supervised)
{
	struct supervision *supervision = calloc(1, sizeof(*supervision));

	if (supervision == NULL)
		return NULL;
	supervision->of = *supervised;
	if (!notify_is_wanted())
		return supervision;
	supervision->watchdog = manager_watchdog();
	supervision->notify = notify_new(supervised->base, supervision->status);
	if (supervision->notify != NULL)
		supervision->tick = evtimer_new(supervised->base, on_tick, supervision);
	if (supervision->tick == NULL) {
		supervision_free(supervision);
		return NULL;
	}
	return supervision;
}

void
supervision_free(struct supervision *supervision)
{
	if (supervision == NULL)
		return;
	if (supervision->tick != NULL)
		event_free(supervision->tick);
	notify_free(supervision->notify);
	free(supervision);
}

/* --- what happens --------------------------------------------------------------------- */

/* The tick goes on as it is: reloads in quick succession must not keep it from coming. */
void
supervision_ready(struct supervision *supervision)
{
	if (supervision->notify == NULL)
		return;
	renew_status(supervision);
	notify_tell(supervision->notify, NOTIFY_READY);
	if (!event_pending(supervision->tick, EV_TIMEOUT, NULL))
		arm(supervision);
}

void
supervision_reloading(struct supervision *supervision)
{
	if (supervision->notify != NULL)
		notify_tell(supervision->notify, NOTIFY_RELOADING);
}

void
supervision_reloaded(struct supervision *supervision, const char *fault)
{
	snprintf(supervision->fault, sizeof(supervision->fault), "%s", fault != NULL ? fault : "");
	supervision->failed = time(NULL);
	supervision_ready(supervision);
}

bool
supervision_has_manager(const struct supervision *supervision)
{
	return supervision->notify != NULL;
}

int
supervision_keep(struct supervision *supervision, int parcel, int mark)
{
	return notify_keep(supervision->notify, parcel, mark);
}

void
supervision_taken(struct supervision *supervision)
{
	if (supervision->notify != NULL)
		notify_tell(supervision->notify, NOTIFY_TAKEN);
}

/* What ends at *end at the latest. */
static void
tell_ending(struct supervision *supervision, int64_t *end, int seconds, unsigned words)
{
	if (supervision->notify == NULL)
		return;
	*end = clock_ms() + seconds * INT64_C(1000);
	renew_status(supervision);
	notify_tell(supervision->notify, words | NOTIFY_EXTEND);
	arm(supervision);
}

/* The manager may have begun it, or not: STOPPING=1 would be wrong. */
void
supervision_handing_over(struct supervision *supervision, int seconds)
{
	tell_ending(supervision, &supervision->hand_over_end, seconds, NOTIFY_STATUS);
}

void
supervision_draining(struct supervision *supervision, int seconds)
{
	tell_ending(supervision, &supervision->drain_end, seconds, NOTIFY_STOPPING);
}
