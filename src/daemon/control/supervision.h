/*
 * What echod owes to its service manager while it runs: a status that is true, and signs
 * of life, which it gives only while all of its workers are alive.  Where no manager
 * listens, nothing happens and no timer runs.
 */
#ifndef DAEMON_CONTROL_SUPERVISION_H
#define DAEMON_CONTROL_SUPERVISION_H

#include <stdbool.h>

#include "daemon/listen/admission.h"
#include "daemon/listen/listeners.h"
#include "daemon/threads/workers.h"

struct event_base;
struct supervision;

/* What there is to tell of; it outlives the supervision. */
struct supervised {
	struct event_base *base;
	const struct listeners *listeners;
	const struct admission *admission;
	const struct census *census;
	const struct workers *workers;
};

/* Returns NULL where memory ran out.  supervision_free() frees it. */
struct supervision *supervision_new(const struct supervised *supervised);
void supervision_free(struct supervision *supervision);

/* It serves. */
void supervision_ready(struct supervision *supervision);

/*
 * A reload begins; it has ended: well, or with `fault`, which stays in the status until another
 * one ends.
 */
void supervision_reloading(struct supervision *supervision);
void supervision_reloaded(struct supervision *supervision, const char *fault);

/* True where a manager listens. */
bool supervision_has_manager(const struct supervision *supervision);

/* notify_keep(); the parcel that it kept was taken. */
int supervision_keep(struct supervision *supervision, int parcel, int mark);
void supervision_taken(struct supervision *supervision);

/* A hand-over begins; what cannot travel has so many seconds: as supervision_draining(). */
void supervision_handing_over(struct supervision *supervision, int seconds);

/* A drain begins, which takes at most `seconds`: the manager is asked for as long. */
void supervision_draining(struct supervision *supervision, int seconds);

#endif
