/*
 * How fast datagrams are sent.  Pure: the time is an argument, of timing_now().  Time in
 * which none was sent is not saved up, but for what a timer may be late: no burst makes up
 * for a pause.
 */
#ifndef CLIENT_TRANSPORT_PACE_H
#define CLIENT_TRANSPORT_PACE_H

#include <stdint.h>

/*
 * Datagrams a second, where nobody asks for another rate: below what echod answers of one
 * source as it is installed, limits.datagram_rate_per_source.
 */
#define PACE_DEFAULT 800

struct pace {
	int64_t cost; /* ns of a datagram; 0: no limit */
	int64_t paid; /* until when those that were sent have used it up */
};

/* `rate` is in datagrams a second; 0: no limit. */
void pace_init(struct pace *pace, long rate);

/* From when on one more may be sent. */
int64_t pace_due(const struct pace *pace);

/* One is sent. */
void pace_spend(struct pace *pace, int64_t now);

#endif
