/*
 * Round-trip times, all of them kept, and what they amount to.
 */
#ifndef CLIENT_MEASURE_SAMPLES_H
#define CLIENT_MEASURE_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>

struct samples {
	size_t count, room;
	double *values; /* seconds, in the order in which they came */
};

/* Seconds; all 0 where there is no sample. */
struct summary {
	double min, avg, max;
	double mdev; /* the standard deviation, as ping(8) has it */
	double p50, p99; /* the least value that so many per cent do not exceed */
};

/* Returns false where memory ran out: the sample is then lost. */
bool samples_add(struct samples *samples, double seconds);
void samples_free(struct samples *samples);

/* False where memory ran out. */
bool samples_summarise(const struct samples *samples, struct summary *summary);

/*
 * The time that `percent` of the replies, above 0 to 100, do not exceed: of samples that are
 * there.  False where memory ran out.
 */
bool samples_percentile(const struct samples *samples, double percent, double *seconds);

#endif
