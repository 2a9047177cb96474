/*
 * Files that results are written to: whole or not at all, so that nobody reads a half, and a run
 * of an hour does not end at a path that nothing can be written to.
 */
#ifndef CLIENT_BENCH_SHOW_FILE_H
#define CLIENT_BENCH_SHOW_FILE_H

#include <stdbool.h>
#include <stdio.h>

#include "client/bench/result.h"

/* True where `path` is no file's by its name, so that several may write to it: /dev/stdout. */
bool bench_file_is_device(const char *path);

/* Returns 0, or the errno with which a file could not be written there.  Leaves all as it is. */
int bench_file_check(const char *path);

/*
 * Writes what `print` prints.  A file that is there is replaced once all of it is written, and
 * keeps its mode; what is no file (a terminal, a pipe) is written to.  Returns 0, or the errno with
 * which that failed; the old file then stands.
 */
int bench_file_write(const char *path, void (*print)(const struct bench_result *result,
    FILE *stream), const struct bench_result *result);

/* What they print: a row a second, percentiles as HdrHistogram has them, and a picture. */
void bench_csv_print(const struct bench_result *result, FILE *stream);
void bench_hgrm_print(const struct bench_result *result, FILE *stream);
void bench_svg_print(const struct bench_result *result, FILE *stream);

#endif
