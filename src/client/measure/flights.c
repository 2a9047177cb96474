/* The messages of ping that are on their way: see flights.h. */
#include "client/measure/flights.h"

#include <stdlib.h>

bool
flights_init(struct flights *flights)
{
	*flights = (struct flights){ .ring = calloc(FLIGHTS_MAX, sizeof(struct flight)) };
	return flights->ring != NULL;
}

void
flights_free(struct flights *flights)
{
	free(flights->ring);
}

void
flights_add(struct flights *flights, int64_t now)
{
	const uint64_t seq = ++flights->last;

	flights->ring[seq % FLIGHTS_MAX] = (struct flight){ seq, now, FLIGHT_WAITING };
	if (flights->settled + FLIGHTS_MAX < seq)
		flights->settled = seq - FLIGHTS_MAX;
}

struct flight *
flights_find(const struct flights *flights, uint64_t seq)
{
	struct flight *flight = &flights->ring[seq % FLIGHTS_MAX];

	return seq != 0 && flight->seq == seq ? flight : NULL;
}

struct flight *
flights_oldest(struct flights *flights)
{
	for (; flights->settled < flights->last; flights->settled++) {
		struct flight *flight = flights_find(flights, flights->settled + 1);

		if (flight != NULL && flight->state == FLIGHT_WAITING)
			return flight;
	}
	return NULL;
}
