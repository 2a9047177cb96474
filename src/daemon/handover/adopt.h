/*
 * Takes what another process had into the rooms of this one, in two steps: all that may fail is
 * done before the parcel is taken, while the other one would still go on; and then all goes on
 * here.
 */
#ifndef DAEMON_HANDOVER_ADOPT_H
#define DAEMON_HANDOVER_ADOPT_H

#include "daemon/handover/pack.h"

/*
 * Takes one listener and descriptors of its sockets, as listeners_adopt() does, for `arg`.  Returns
 * false with a fault.
 */
typedef bool adopter(void *arg, const struct packed_listener *packed,
    const struct packed_socket *sockets, const int *fds, size_t count, struct faults *faults);

/* Has `adopt` take each listener of that role, from *cargo.  Returns false with faults. */
bool adopt_listeners(struct cargo *cargo, enum packed_role role, adopter *adopt, void *arg,
    struct faults *faults);

struct adoption;

/*
 * Before anything is served: makes connections and preambles of those in *cargo, which need not
 * live longer, and adds all numbers to the rooms, which outlive the adoption.  Returns NULL with
 * errno; what was added stays then: the process is to end.
 */
struct adoption *adoption_new(struct cargo *cargo, const struct rooms *rooms);

/* The parcel has been taken: all of it goes on.  Cannot fail; frees the adoption. */
void adoption_commit(struct adoption *adoption);

/* It has not: closes the descriptors, which are copies, and frees the adoption; NULL is none. */
void adoption_free(struct adoption *adoption);

#endif
