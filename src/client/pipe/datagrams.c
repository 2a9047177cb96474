/* How pipe sends datagrams: see datagrams.h. */
#include "client/pipe/datagrams.h"

/* Before the next try, where the last one met an error.  Nanoseconds. */
#define PAUSE INT64_C(50000000)

void
datagrams_init(struct datagrams *datagrams, long rate)
{
	*datagrams = (struct datagrams){ 0 };
	pace_init(&datagrams->pace, rate);
}

int64_t
datagrams_turn(const struct datagrams *datagrams)
{
	const int64_t due = pace_due(&datagrams->pace);

	return datagrams->held > due ? datagrams->held : due;
}

bool
datagrams_sent(struct datagrams *datagrams, int64_t now)
{
	const bool is_new = !datagrams->again;

	pace_spend(&datagrams->pace, now);
	datagrams->again = false;
	datagrams->sendings = is_new ? 1 : datagrams->sendings + 1;
	return is_new;
}

void
datagrams_trouble(struct datagrams *datagrams, bool waits, int64_t now)
{
	datagrams->again = waits;
	datagrams->held = now + PAUSE;
}

void
datagrams_came(struct datagrams *datagrams, uint64_t at, size_t size)
{
	datagrams->again = false;
	if (datagrams->sendings < 2)
		return;
	datagrams->copy_at = at;
	datagrams->copy_size = size;
	datagrams->copies = datagrams->sendings - 1;
}

bool
datagrams_take_copy(struct datagrams *datagrams, struct ring *ring, const unsigned char *data,
    size_t size)
{
	if (datagrams->copies == 0 || size != datagrams->copy_size ||
	    ring_same(ring, datagrams->copy_at, data, size) < size)
		return false;
	datagrams->copies--;
	return true;
}
