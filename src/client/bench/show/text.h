/*
 * What came of a run, as text for a terminal of 80 columns.
 */
#ifndef CLIENT_BENCH_SHOW_TEXT_H
#define CLIENT_BENCH_SHOW_TEXT_H

#include <stdbool.h>
#include <stdio.h>

#include "client/bench/result.h"

/* Prints all of it; the histogram is drawn as wide as `columns` are, with blocks where `utf8`. */
void bench_print(const struct bench_result *result, unsigned columns, bool utf8, FILE *stream);

/* "wrong: connection 3, message 17, byte 1088 of the stream: ...", and room. */
#define BENCH_FAULT_SIZE 256

/* Writes what the first fault was, and returns it; "" where there was none. */
const char *bench_fault_text(const struct bench_result *result, char text[BENCH_FAULT_SIZE]);

/* True where so much of the corrected latency is the client's own that it is no measure. */
bool bench_is_late(const struct bench_result *result);

/* Datagrams of one source that echod answers in a second, as it is installed. */
#define BENCH_LIMITED_RATE 1000

/* True where the loss may well be a limit of the server's: datagrams, and more than it answers. */
bool bench_may_be_limited(const struct bench_result *result);

#endif
