/*
 * What loss and round-trip times must not exceed, and rates not fall short of, as the command line
 * has it, and whether they do.  Pure.
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

/* What it is of: from OF_MIN on, the times of replies. */
enum threshold_kind { OF_LOSS, OF_RATE, OF_MIN, OF_AVG, OF_MAX, OF_MDEV, OF_PERCENTILE };

struct threshold {
	enum threshold_kind kind;
	char name[THRESHOLD_NAME_SIZE]; /* "loss", or as rtt_seconds has it in JSON: "p99" */
	double percent;                 /* of a percentile, 1 to 100; of others 0 */
	double most;                    /* of loss 0 to 1, of "rate" a second, of others seconds */
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

/* The same of a rate a second: its `most` is the least that it may be. */
const char *thresholds_add_rate(struct thresholds *thresholds, double rate);

/* True where one of them is of loss: then that tells how much may be lost. */
bool thresholds_limit_loss(const struct thresholds *thresholds);

/* True where `value`, as what is measured has it, does not go beyond it; NAN: it is not known. */
bool threshold_admits(const struct threshold *threshold, double value);

/* Writes what is wrong where it does, "p99 is 7 ms, more than 5 ms", and returns it. */
const char *threshold_describe(const struct threshold *threshold, double value,
    char text[THRESHOLD_TEXT_SIZE]);

/* The same of what a tally has of it. */
bool threshold_holds(const struct threshold *threshold, const struct tally *tally);

const char *threshold_tell(const struct threshold *threshold, const struct tally *tally,
    char text[THRESHOLD_TEXT_SIZE]);

#endif
