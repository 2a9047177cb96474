/*
 * Round-trip times, all of them kept, and what they amount to.
 */
#ifndef CLIENT_MEASURE_SAMPLES_H
#define CLIENT_MEASURE_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>

struct samples {
	size_t count, room;
	double *values; /* seconds, in any order */
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

struct summary samples_summarise(const struct samples *samples);

/* The time that `percent` of the replies, above 0 to 100, do not exceed; 0 where there is none. */
double samples_percentile(const struct samples *samples, double percent);

#endif
