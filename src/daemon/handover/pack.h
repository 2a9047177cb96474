/*
 * Packs what the rooms of the daemon have, while the control thread alone moves: nothing of it is
 * changed, so that a parcel which comes back leaves all as it was; and what then is another
 * process's leaves the rooms.
 */
#ifndef DAEMON_HANDOVER_PACK_H
#define DAEMON_HANDOVER_PACK_H

#include "daemon/account/census.h"
#include "daemon/handover/flight.h"
#include "daemon/listen/admission.h"
#include "daemon/listen/listeners.h"
#include "daemon/listen/preamble.h"
#include "daemon/stream/crowds.h"

/* Whose all of it is: the server's, which outlives any use of them. */
struct rooms {
	struct workers *workers;
	struct crowds *crowds;
	struct census *census;
	struct admission *admission;
	struct preambles *preambles;
	struct listeners *listeners;
};

/* For rooms that are not seen from here: packs listeners and their sockets into *packing. */
struct packed_visitor pack_visitor(struct packing *packing);

/* Each of these returns 0, or -1 with errno, and *packing is good for packing_drop() alone. */

/* Those listeners that stand still or not, and their sockets. */
int pack_listeners(struct packing *packing, const struct listeners *listeners);

/* With the workers halted: totals, books, connections and preambles. */
int pack_all(struct packing *packing, const struct rooms *rooms);

/*
 * With the workers halted: what was packed is another process's.  What cannot travel, which is what
 * speaks TLS, is all that is left.
 */
void rooms_let_go(const struct rooms *rooms);

#endif
