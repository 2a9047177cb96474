/*
 * Bars and sparklines, of characters of one column: blocks in eighths where there is UTF-8, else
 * what ASCII has.
 */
#ifndef CLIENT_BENCH_SHOW_BARS_H
#define CLIENT_BENCH_SHOW_BARS_H

#include <stddef.h>

#include "client/bench/show/line.h"

/*
 * Adds a bar of so many columns to the line, the part `part` of it, 0 to 1, full.  What is not
 * nothing shows.
 */
void bar_add(struct line *line, unsigned columns, double part);

/* The same with what is not full drawn as well: so far of all. */
void bar_add_progress(struct line *line, unsigned columns, double part);

/* Adds a character for each value, by its height against the highest; of nothing a blank. */
void spark_add(struct line *line, const double *values, size_t count);

#endif
