/*
 * When bytes arrived, as the kernel stamps them: see SO_TIMESTAMPNS in socket(7).  The stamps are
 * of the wall clock, which may be set at any time, and which a sleep of the host moves too.
 */
#ifndef CLIENT_TRANSPORT_ARRIVAL_H
#define CLIENT_TRANSPORT_ARRIVAL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/marks.h"

/* One for each socket: how it stood when there was nothing to receive.  Nanoseconds. */
struct arrival_clock {
	int64_t empty;  /* timing_now() then: what comes after it arrived after it */
	int64_t offset; /* by which the wall clock was ahead of timing_now() */
	struct marks marks; /* what came last came with this, as far as the socket tells */
};

/* A socket is new. */
void arrival_begin(struct arrival_clock *clock);

/*
 * As recv(2).  *when, unless it is NULL, is the timing_now() at which the last byte arrived,
 * by the kernel's stamp where `fd` has them, else that of the call.
 */
ssize_t arrival_receive(int fd, struct arrival_clock *clock, void *data, size_t size,
    int64_t *when);

#endif
