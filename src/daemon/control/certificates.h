/*
 * What is to be known of the certificates and keys that are presented: when they end, in the log
 * and the counters, and who may read them.
 */
#ifndef DAEMON_CONTROL_CERTIFICATES_H
#define DAEMON_CONTROL_CERTIFICATES_H

#include "daemon/account/census.h"
#include "daemon/config/config.h"

struct event_base;
struct certificates;

/*
 * Returns what tells the log of them once a day, and the census when each listener's first one
 * ends; or NULL with errno.  It is freed after the census.
 */
struct certificates *certificates_new(struct event_base *base, struct census *census);
void certificates_free(struct certificates *certificates);

/* Makes room for `config`.  Returns false when memory ran out. */
bool certificates_prepare(struct certificates *certificates, const struct config *config);

/*
 * From here on it is about those of `config`, which lives until the next one comes.  Tells the
 * log of those that are others than those of `running`, which may be NULL, and all that
 * certificates_tell() does.
 */
void certificates_commit(struct certificates *certificates, const struct config *running,
    const struct config *config);

/* Tells the log of those that have ended or will soon, and of keys that all users may read. */
void certificates_tell(const struct config *config);

/* Warns of those that this process cannot read, as it is now: a reload would fail. */
void certificates_warn_of_unreadable(const struct config *config);

#endif
