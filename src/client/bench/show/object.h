/*
 * A result as JSON and back: the fields that bench adds to the object of --json, and the reading
 * of such an object, which anybody may have written.
 */
#ifndef CLIENT_BENCH_SHOW_OBJECT_H
#define CLIENT_BENCH_SHOW_OBJECT_H

#include <jansson.h>

#include "client/bench/result.h"

/* The fields of the object; NULL: no memory. */
json_t *bench_fields(const struct bench_result *result);

#endif
