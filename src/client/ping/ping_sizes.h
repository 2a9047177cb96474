/*
 * What became of the messages of each size, where ping has several.
 */
#ifndef CLIENT_PING_PING_SIZES_H
#define CLIENT_PING_PING_SIZES_H

#include <jansson.h>
#include <stdio.h>

#include "client/measure/judge.h"

/* A line for each.  There are sizes->count of `books`. */
void ping_sizes_print(const struct sizes *sizes, const struct size_books *books, FILE *stream);

/* The same for JSON; NULL: no memory. */
json_t *ping_sizes_array(const struct sizes *sizes, const struct size_books *books);

#endif
