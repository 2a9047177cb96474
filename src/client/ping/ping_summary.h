/*
 * The statistics of ping, as text and as fields of JSON objects.
 */
#ifndef CLIENT_PING_PING_SUMMARY_H
#define CLIENT_PING_PING_SUMMARY_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "client/measure/judge.h"
#include "client/ping/ping_options.h"
#include "client/transport/channel.h"

/* What replies came with, the counts, and the times: as far as there are any.  `started` is timing_now() then. */
void ping_print_summary(const struct tally *tally, int64_t started, FILE *stream);

/* As a column of a table: "    12.5%", or "-" for NAN. */
void ping_print_loss(double loss, FILE *stream);

/* What was exceeded, or is another one than was expected, a line each. */
void ping_print_thresholds(const struct ping_options *options, const struct tally *tally);

/* "replies had DSCP 0, 1, ..., not 63", and the NUL. */
#define PING_DSCP_SIZE 300

/* Writes which DSCP replies had that is not the expected one.  Returns false where there is none. */
bool ping_tell_dscp(const struct ping_options *options, const struct tally *tally,
    char text[PING_DSCP_SIZE]);

/* The fields of the JSON object.  `channel` is NULL where nothing was reached. */
json_t *ping_fields(const struct ping_options *options, const struct tally *tally,
    int64_t started, const struct channel *channel);

/* Times as an object of their own; NULL where there are none. */
json_t *ping_rtt_object(const struct samples *samples);

#endif
