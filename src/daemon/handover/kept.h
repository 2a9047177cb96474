/*
 * The successor, as it starts with a parcel that the service manager kept for it: see deposit.h.  The
 * one who packed it is gone.  Until it is taken the manager has it still, whatever becomes of this
 * process.
 */
#ifndef DAEMON_HANDOVER_KEPT_H
#define DAEMON_HANDOVER_KEPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/faults.h"
#include "daemon/handover/flight.h"

struct kept {
	int receiving; /* -1: whoever packed it took it back, and there is nothing */
	struct cargo cargo;
};

/*
 * Looks at the one of `count` descriptors in which a parcel lies; all of them are taken over.
 * Returns true, or false with a fault that may pass; kept_free() frees it in any case.
 */
bool kept_look(struct kept *kept, const int *fds, size_t count, struct faults *faults);
void kept_free(struct kept *kept);

/* The same of one that was looked at before, and of which descriptors were taken out. */
bool kept_look_again(struct kept *kept, struct faults *faults);

/* The configuration that its echod ran with, as a file has it; it lives as long as *kept. */
const char *kept_configuration(struct kept *kept);

/* Takes it.  Returns true, and it is this process's alone; or false, and it was taken back. */
bool kept_take(const struct kept *kept);

#endif
