/* What comes back, compared with what was sent: see comparison.h. */
#include "client/pipe/comparison.h"

/* True where the bytes from `position` on are all of `data`. */
static bool
is_at(const struct comparison *comparison, uint64_t position, const unsigned char *data,
    size_t size)
{
	return ring_same(comparison->ring, position, data, size) == size;
}

bool
comparison_takes_copy(const struct comparison *comparison, struct datagrams *datagrams,
    const unsigned char *data, size_t size)
{
	if (datagrams->copies == 0 || (size == pipe_tally_outstanding(comparison->tally) &&
	    is_at(comparison, comparison->tally->received, data, size)))
		return false;
	return datagrams_take_copy(datagrams, comparison->ring, data, size);
}

/* A datagram that came once more: the bytes before those that wait are still in the ring. */
static bool
is_duplicate(const struct comparison *comparison, const unsigned char *data, size_t size)
{
	return !comparison->stream && size > 0 && size == comparison->before &&
	    is_at(comparison, comparison->tally->received - size, data, size);
}

/* What is wrong with `size` bytes of which only the first `same` are those that were sent. */
static enum ending
find_difference(const struct comparison *comparison, const unsigned char *data, size_t size,
    size_t same)
{
	struct pipe_tally *tally = comparison->tally;

	tally->offset = tally->received + same;
	if (is_duplicate(comparison, data, size)) {
		tally->datagram = tally->datagrams - (pipe_tally_outstanding(tally) > 0);
		return ENDING_DUPLICATE;
	}
	if (tally->offset == tally->sent)
		return ENDING_SURPLUS;
	tally->seen = data[same];
	tally->expected = *ring_at(comparison->ring, tally->offset);
	return ENDING_DIFFERENCE;
}

size_t
comparison_of(const struct comparison *comparison, const unsigned char *data, size_t size,
    enum ending *end)
{
	struct pipe_tally *tally = comparison->tally;
	const uint64_t waiting = pipe_tally_outstanding(tally);
	const size_t known = size < waiting ? size : (size_t)waiting;
	const size_t same = ring_same(comparison->ring, tally->received, data, known);

	*end = ENDING_DONE;
	if (same < size) {
		*end = find_difference(comparison, data, size, same);
	} else if (!comparison->stream && size < waiting) {
		tally->reply = (unsigned)size;
		tally->asked = (unsigned)waiting;
		*end = ENDING_TRUNCATED;
	}
	return *end != ENDING_DONE && !comparison->stream ? 0 : same;
}
