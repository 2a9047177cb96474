/*
 * A result as JSON: the fields that bench adds to the object of --json, which read.h reads.
 */
#ifndef CLIENT_BENCH_SHOW_OBJECT_H
#define CLIENT_BENCH_SHOW_OBJECT_H

#include <jansson.h>

#include "client/bench/result.h"

/* The fields of the object; NULL: no memory. */
json_t *bench_fields(const struct bench_result *result);

#endif
