/*
 * The crowds as a body, one for each worker.  The control thread's alone.
 */
#ifndef DAEMON_STREAM_CROWDS_H
#define DAEMON_STREAM_CROWDS_H

#include "daemon/account/ledger.h"
#include "daemon/stream/crowd.h"
#include "daemon/threads/workers.h"

struct crowds;

/*
 * Gives each of `workers`, which do not run yet, a crowd that is looked after.  `closed` is
 * called in the control thread for each connection that has ended: conn_from_letter().
 * Returns NULL with errno; crowds_free() frees them before the workers, once those were joined.
 */
struct crowds *crowds_new(const struct workers *workers,
    void (*closed)(void *control, struct letter *letter));
void crowds_free(struct crowds *crowds);

/* Takes over the limits of connections, at any time. */
void crowds_set_limits(struct crowds *crowds, const struct crowd_limits *limits);

/* That of one worker. */
struct crowd *crowds_get(const struct crowds *crowds, size_t index);

/* From here on a connection of `ledger` at a worker is one of that worker's crowd. */
void crowds_serve(const struct crowds *crowds, struct ledger *ledger);

#endif
