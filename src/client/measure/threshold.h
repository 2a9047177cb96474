/*
 * What loss and round-trip times must not exceed, as the command line has it, and whether they
 * do.  Pure.
 */
#ifndef CLIENT_MEASURE_THRESHOLD_H
#define CLIENT_MEASURE_THRESHOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "client/measure/judge.h"

#define THRESHOLDS_MAX 16

/* "p99.9999" and the NUL. */
#define THRESHOLD_NAME_SIZE 9

/* "p99.9999 is 86400000.0000001 ms, more than 86400000 ms", and room. */
#define THRESHOLD_TEXT_SIZE 80

struct threshold {
	char name[THRESHOLD_NAME_SIZE]; /* "loss", or as rtt_seconds has it in JSON: "p99" */
	double most;                    /* of loss 0 to 1, of the others seconds */
};

struct thresholds {
	size_t count;
	struct threshold rows[THRESHOLDS_MAX];
};

/*
 * Add what `text` says: "0.5%", or "p99:5ms,avg:1ms".  Return NULL, or what would be right as a
 * constant string; what is before the fault may have been added then.
 */
const char *thresholds_add_loss(struct thresholds *thresholds, const char *text);
const char *thresholds_add_rtt(struct thresholds *thresholds, const char *text);

bool threshold_is_of_loss(const struct threshold *threshold);

/* False where the threshold is exceeded, or nothing is there to judge it by. */
bool threshold_holds(const struct threshold *threshold, const struct tally *tally);

/* Writes what is wrong where it does not hold, "loss is 20%, more than 1%", and returns it. */
const char *threshold_tell(const struct threshold *threshold, const struct tally *tally,
    char text[THRESHOLD_TEXT_SIZE]);

#endif
