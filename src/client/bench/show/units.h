/*
 * Times, rates and bytes as a table has them: three significant digits and a unit.
 */
#ifndef CLIENT_BENCH_SHOW_UNITS_H
#define CLIENT_BENCH_SHOW_UNITS_H

#include <stdint.h>

/* "-1234 MiB/s", and room. */
#define UNITS_SIZE 32

/* "850 ns", "8.53 us", "85.3 ms", "3600 s"; returns `text`, as the others do. */
const char *units_time(int64_t nanoseconds, char text[UNITS_SIZE]);

/* A number that may be large: "950", "20.0 k", "1.25 M". */
const char *units_number(double number, char text[UNITS_SIZE]);

/* "950 B", "1.22 MiB". */
const char *units_bytes(double bytes, char text[UNITS_SIZE]);

/* Bytes a second as bits: "10.2 Mbit/s". */
const char *units_bits(double bytes, char text[UNITS_SIZE]);

#endif
