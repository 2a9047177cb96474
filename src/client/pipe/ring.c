/* What has not come back yet: see ring.h. */
#include "client/pipe/ring.h"

#include "client/measure/message.h"

unsigned char *
ring_at(struct ring *ring, uint64_t position)
{
	return &ring->bytes[position % RING_SIZE];
}

size_t
ring_piece(uint64_t position, uint64_t most)
{
	const uint64_t piece = RING_SIZE - position % RING_SIZE;

	return (size_t)(piece < most ? piece : most);
}

size_t
ring_same(struct ring *ring, uint64_t position, const unsigned char *data, size_t size)
{
	const size_t first = ring_piece(position, size);
	const size_t same = message_difference(data, ring_at(ring, position), first);

	if (same < first)
		return same;
	return first + message_difference(data + first, ring->bytes, size - first);
}
