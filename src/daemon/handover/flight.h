/*
 * A parcel in flight: its bytes in a memfd, and its descriptors, all in the receive queue of one
 * end of a socketpair.  Whoever has that end has the parcel, whichever way the end came to him, and
 * whoever takes the first message out of it, and nobody else, is from then on the one who serves.
 * Until then others may look at all of it, and are gone without a trace.
 *
 * The descriptors are sent in messages of a number, the memfd before all, with how many of its
 * bytes are the parcel's.  What is sent is still the sender's: if the parcel comes back, nothing has
 * changed for it, and the same flight serves for the next one.
 */
#ifndef DAEMON_HANDOVER_FLIGHT_H
#define DAEMON_HANDOVER_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/handover/parcel.h"

/* What a parcel flies in, for one flight: made outside of the sandbox, which allows none of it. */
struct flight {
	int memory;    /* the memfd */
	int sending;   /* one end of the pair */
	int receiving; /* the other */
};

/* How many descriptors that are. */
#define FLIGHT_FDS 3

#define FLIGHT_NONE ((struct flight){ -1, -1, -1 })

/* The flights of a take-over: of what listens, and of all there is. */
enum { FLIGHT_SOCKETS, FLIGHT_ALL, FLIGHTS };

/* Returns 0, or -1 with errno; flight_close() closes what is not -1, then or later. */
int flight_open(struct flight *flight);
void flight_close(struct flight *flight);

/* --- giving ------------------------------------------------------------------------- */

/* A parcel that is packed.  Its own. */
struct packing {
	struct parcel_writer writer;
	const struct flight *flight;
	unsigned char *bytes; /* that are not written yet */
	size_t size;
	uint64_t written;
	int *fds;             /* of the records so far, not its own */
	size_t count, room;
};

/*
 * Begins to pack a parcel for `flight`, which lives until packing_send() or packing_drop().
 * Returns 0, or -1 with errno, and nothing to end.
 */
int packing_begin(struct packing *packing, const struct flight *flight);

/*
 * Adds a record, and `fd`, which stays the caller's, where its kind has one.  Returns 0, or -1
 * with errno, and packing_send() will fail.
 */
int packing_put(struct packing *packing, const struct parcel_item *item, int fd);

/*
 * Ends the parcel and sends it.  Returns 0, and it is in flight; or -1 with errno, and nothing of
 * it is: ENOMEM, ENOSPC and EFBIG for its bytes, ETOOMANYREFS and ENOBUFS for its descriptors.
 */
int packing_send(struct packing *packing);

/* Gives up what was begun. */
void packing_drop(struct packing *packing);

/* --- taking ------------------------------------------------------------------------- */

/* A parcel as it was found.  Its own but for the first. */
struct cargo {
	struct parcel parcel; /* to be read: parcel_next() */
	int *fds;             /* in the order of its records; -1: it was taken out */
	size_t count;
	void *bytes; /* of the memfd */
	size_t size;
};

/*
 * Looks at the parcel in `receiving`, which is non-blocking: its bytes, checked, and copies of all
 * its descriptors, close-on-exec.  Returns true, or false and what is wrong in `why`; cargo_free()
 * then need not be called.  Nothing is taken: flight_take() does that.
 */
bool cargo_look(struct cargo *cargo, int receiving, char why[PARCEL_WHY_SIZE]);

/* True unless select(2) is to watch its descriptors and cannot: one is beyond what an fd_set has. */
bool cargo_fits(const struct cargo *cargo, bool for_select);

/* The descriptor at this place, which is the caller's from here on. */
int cargo_take_fd(struct cargo *cargo, size_t place);

/* Closes the descriptors that nobody took, and frees all; `receiving` stays open. */
void cargo_free(struct cargo *cargo);

/* --- whose it is ----------------------------------------------------------------------- */

/* True where nothing lies in it: the parcel was taken, or there never was one. */
bool flight_is_empty(int receiving);

/*
 * Takes the parcel out of `receiving`: for the successor, which is to serve from here on, or back,
 * for the one who packed it.  Returns true for the one of both who is first, whose it is; false for
 * the other, and where there is none.
 */
bool flight_take(int receiving);

#endif
