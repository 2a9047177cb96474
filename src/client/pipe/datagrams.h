/*
 * How pipe sends datagrams: one at a time, at a rate, and once more where an error tells that
 * one did not get through.  Pure: no sockets, and the time is an argument, of timing_now().
 */
#ifndef CLIENT_PIPE_DATAGRAMS_H
#define CLIENT_PIPE_DATAGRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/pipe/ring.h"
#include "client/transport/pace.h"

struct datagrams {
	struct pace pace;
	int64_t held;      /* none is sent before: after an error */
	bool again;        /* the one that waits has to be sent once more */
	unsigned sendings; /* of the one that waits */
	/* The last one that was sent more than once, and how many more of its copies may come. */
	uint64_t copy_at;
	size_t copy_size;
	unsigned copies;
};

/* `rate` is in datagrams a second; 0: no limit, as for a stream, which needs nothing else. */
void datagrams_init(struct datagrams *datagrams, long rate);

/* From when on the next one may be sent. */
int64_t datagrams_turn(const struct datagrams *datagrams);

/* One is sent.  Returns false where it is the one that waits, once more. */
bool datagrams_sent(struct datagrams *datagrams, int64_t now);

/* An error is told of the way there; `waits`: a datagram has not come back. */
void datagrams_trouble(struct datagrams *datagrams, bool waits, int64_t now);

/* The one that waits, the bytes from `at` on, has come back. */
void datagrams_came(struct datagrams *datagrams, uint64_t at, size_t size);

/* True where `data` is a copy that may come, which is taken from their number. */
bool datagrams_take_copy(struct datagrams *datagrams, struct ring *ring,
    const unsigned char *data, size_t size);

#endif
