/*
 * Whether what comes back to pipe is what was sent, and what is wrong where it is not.  Pure: no
 * sockets, and nothing of how it ends but the word for it.
 */
#ifndef CLIENT_PIPE_COMPARISON_H
#define CLIENT_PIPE_COMPARISON_H

#include <stdbool.h>
#include <stddef.h>

#include "client/ending.h"
#include "client/pipe/datagrams.h"
#include "client/pipe/pipe_report.h"
#include "client/pipe/ring.h"

struct comparison {
	struct ring *ring;        /* of what was sent, what has not come back */
	struct pipe_tally *tally; /* how far both are */
	bool stream;
	size_t before;            /* datagrams: bytes of the last one that came back; 0: none did */
};

/*
 * Compares `size` bytes that have come: of a stream, or one datagram.  Returns how many of them are
 * right and go to stdout; of a datagram that is not right, none.  *end is ENDING_DONE where all of
 * them are, else what is wrong, and the tally has where.
 */
size_t comparison_of(const struct comparison *comparison, const unsigned char *data, size_t size,
    enum ending *end);

/*
 * True where a datagram is no answer to the one that waits, but a copy of one that `datagrams` has
 * sent more than once; it is taken from the number of those that may come.
 */
bool comparison_takes_copy(const struct comparison *comparison, struct datagrams *datagrams,
    const unsigned char *data, size_t size);

#endif
