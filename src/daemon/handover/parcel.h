/*
 * The parcel: what a restart hands over, as bytes.
 *
 * A parcel is a row of records, each of words of 64 bits: first a service, then in any order what
 * belongs to it, but for what refers to something before it; a record of its end counts them and
 * has the sum of all.  Its descriptors travel beside it (flight.h), in the order of the records
 * that have one.  What is read was checked whole before: it is then as true as the one who wrote
 * it.
 *
 * Pure: no descriptor, no clock, and reading takes no memory.
 */
#ifndef DAEMON_HANDOVER_PARCEL_H
#define DAEMON_HANDOVER_PARCEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/handover/coder.h"
#include "daemon/handover/records.h"

/* Raised where a record changes: a parcel of another one is refused. */
#define PARCEL_VERSION 1

/* --- writing ------------------------------------------------------------------------ */

/* What records refer to that came before them. */
struct parcel_order {
	uint64_t records;
	size_t descriptors, ledgers;
	bool has_listener;
};

/* Its own but for the first two. */
struct parcel_writer {
	/* Takes the next bytes.  Returns 0, or -1 with errno. */
	int (*put)(void *arg, const void *data, size_t size);
	void *arg;
	struct coder_room record; /* the one that is being made */
	struct parcel_order order;
	uint64_t sum;
	int error; /* errno of the first that failed; 0: none */
};

/*
 * Begins a parcel, which parcel_end() completes: the one returns nothing and the other 0, or -1
 * with errno where anything failed since; it also frees what the writer has, and is called in any
 * case.
 */
void parcel_begin(struct parcel_writer *writer,
    int (*put)(void *arg, const void *data, size_t size), void *arg);
int parcel_end(struct parcel_writer *writer);

/*
 * Adds a record; the first is the service.  What it points to is copied.  After a failure
 * nothing is added.  Returns 0, or -1 with errno: EINVAL for what no reader would take.
 */
int parcel_put(struct parcel_writer *writer, const struct parcel_item *item);

/* Has parcel_end() fail with `error`. */
void parcel_spoil(struct parcel_writer *writer, int error);

/* --- reading ------------------------------------------------------------------------ */

/* Its own. */
struct parcel {
	const unsigned char *data;
	size_t size, at;
	size_t descriptors;
	struct parcel_order order;
	uint64_t sum;
};

/* What is wrong, and where. */
#define PARCEL_WHY_SIZE 128

/*
 * Checks the whole of a parcel, which lies in `data` and stays there for as long as it is read.
 * Returns true, and it is read from its beginning; or false, and what is wrong in `why`.
 */
bool parcel_open(struct parcel *parcel, const void *data, size_t size, char why[PARCEL_WHY_SIZE]);

/*
 * Reads the next record, which points into the parcel; *descriptor is then the place of its
 * descriptor among all, where it has one.  Returns false at the end.
 */
bool parcel_next(struct parcel *parcel, struct parcel_item *item, size_t *descriptor);

/* Reads from the beginning again. */
void parcel_rewind(struct parcel *parcel);

/* How many descriptors there are, as its end says. */
size_t parcel_descriptors(const struct parcel *parcel);

#endif
