/*
 * Options of a command line that getopt_long(3) does not take, in words of our own: what was
 * meant is told, too.
 */
#ifndef BASE_USAGE_H
#define BASE_USAGE_H

#include <getopt.h>

/*
 * Tells on stderr, as "PROGRAM: ...", what is wrong with the option for which getopt_long(3) has
 * just returned `result`: ':' or '?'.  The letters that it was given begin with ':', so that it
 * says nothing itself; `options` are the same, each with a `val` and no `flag`.
 */
void usage_tell_option(const char *program, int result, char *const argv[],
    const struct option *options);

#endif
