/*
 * The latencies as tables: percentiles side by side, and the histogram drawn.
 */
#ifndef CLIENT_BENCH_SHOW_TABLE_H
#define CLIENT_BENCH_SHOW_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "client/bench/result.h"

/* Prints a line for each percentile; nothing where nothing was timed. */
void table_print(const struct bench_result *result, FILE *stream);

/* Draws it in at most `columns` and 20 lines; nothing where it is empty. */
void table_draw(const struct histogram *histogram, unsigned columns, bool utf8, FILE *stream);

#endif
