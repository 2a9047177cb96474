/*
 * Time as the client measures it: one clock, in nanoseconds, and timers that never
 * go off before their time.
 */
#ifndef CLIENT_TIMING_H
#define CLIENT_TIMING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>

struct event;
struct event_base;

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t timing_now(void);

int64_t timing_nanoseconds(double seconds);
double timing_seconds(int64_t nanoseconds);
struct timeval timing_timeval(double seconds);

/*
 * Returns a base whose timers are exact to the microsecond where the kernel's are.  What
 * libevent has to say goes to report_fault(), and where it gives up, or there can be no base,
 * the program ends with status 2.  One for `any_file` waits for regular files too, which are always
 * ready; its timers may go off a millisecond late.
 */
struct event_base *timing_base_new(bool any_file);

/*
 * Sets `timer` to go off at `at`, or as soon as may be where that is past.  Without memory
 * for it the program ends.
 */
void timing_arm(struct event *timer, int64_t at);

#endif
