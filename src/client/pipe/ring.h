/*
 * The bytes of a stream that were read and have not come back yet, in a ring of fixed size.
 * Byte N of the stream is at N % RING_SIZE, until the one that is RING_SIZE behind it.
 */
#ifndef CLIENT_PIPE_RING_H
#define CLIENT_PIPE_RING_H

#include <stddef.h>
#include <stdint.h>

/* More than the kernel's buffers of both ends hold. */
#define RING_SIZE (8U << 20)

struct ring {
	unsigned char bytes[RING_SIZE];
};

/* Where byte `position` is, and how many from there on lie in one piece, `most` at most. */
unsigned char *ring_at(struct ring *ring, uint64_t position);
size_t ring_piece(uint64_t position, uint64_t most);

/*
 * How many of `size` bytes of `data` are those from byte `position` on, up to the first that
 * differs.
 */
size_t ring_same(struct ring *ring, uint64_t position, const unsigned char *data, size_t size);

#endif
