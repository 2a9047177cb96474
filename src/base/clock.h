/*
 * The clock by which all that has a time is judged: CLOCK_MONOTONIC, which no administrator
 * sets.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds, at the resolution of the kernel's tick: some nanoseconds to ask. */
int64_t clock_ms(void);

/* Microseconds, exact. */
int64_t clock_us(void);

#endif
