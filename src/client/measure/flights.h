/*
 * The messages of ping that are on their way: when each was sent and what became of
 * it.  Pure: no sockets, and the time is an argument.
 */
#ifndef CLIENT_MEASURE_FLIGHTS_H
#define CLIENT_MEASURE_FLIGHTS_H

#include <stdbool.h>
#include <stdint.h>

/* How many of the last messages are remembered: a power of two. */
#define FLIGHTS_MAX 65536

enum flight_state {
	FLIGHT_WAITING,
	FLIGHT_MISSING,  /* its wait is over */
	FLIGHT_SPOILT,   /* it came back, but not right */
	FLIGHT_CUT,      /* its stream ended before it came back */
	FLIGHT_ANSWERED, /* it came back right */
};

struct flight {
	uint64_t seq; /* from 1; 0: none */
	int64_t sent; /* nanoseconds */
	enum flight_state state;
};

struct flights {
	struct flight *ring; /* FLIGHTS_MAX of them */
	uint64_t last;       /* sequence number of the newest; 0: none yet */
	uint64_t settled;    /* all up to this one wait no more */
};

/* Returns false where memory ran out.  flights_free() frees it. */
bool flights_init(struct flights *flights);
void flights_free(struct flights *flights);

/* A message, of the next number, is sent at `now`. */
void flights_add(struct flights *flights, int64_t now);

/* The message of this number; NULL: never sent, or too long ago. */
struct flight *flights_find(const struct flights *flights, uint64_t seq);

/* The oldest message that still waits, or NULL. */
struct flight *flights_oldest(struct flights *flights);

#endif
