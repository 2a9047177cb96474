/*
 * How many CPUs the process may really use: those of its affinity mask
 * (sched_setaffinity(2)), or fewer where a quota of its control groups (cgroups(7))
 * gives it the time of fewer.
 */
#ifndef DAEMON_PROCESS_CPUS_H
#define DAEMON_PROCESS_CPUS_H

#include <stddef.h>

/* Returns how many, at least 1. */
size_t cpus_usable(void);

/*
 * The least CPU quota of the process's control group and those above it, in CPUs, rounded
 * up; 0 where there is none, or none that can be read.  Looks below `root` for /proc
 * and for what is mounted: "" is the system's own.
 */
size_t cpus_quota(const char *root);

#endif
