/*
 * The sandbox: which system calls the daemon may make once it serves.  Whoever takes it
 * over by a fault of its own or of a library can start no program, open no file for
 * writing, trace no process and make no socket but for TCP, UDP and Unix.
 *
 * It is filters of seccomp(2).  This module alone knows libseccomp.
 */
#ifndef DAEMON_PROCESS_SANDBOX_H
#define DAEMON_PROCESS_SANDBOX_H

#include <stdbool.h>

/* SANDBOX_AUTO: as far as the build and the kernel have one. */
enum sandbox_mode { SANDBOX_AUTO, SANDBOX_TRUE, SANDBOX_FALSE };

/* "+seccomp", or "-seccomp" where it was left out of the build: for -V. */
extern const char sandbox_feature[];

/* False where the build leaves it out. */
extern const bool sandbox_built;

/*
 * Puts all threads into the sandbox for good, after the last of them was started: from
 * here on the process cannot make one, and any call that it does not need ends it by
 * SIGSYS; sockets, their options and memory of kinds that it does not need fail with EPERM,
 * since libraries of nsswitch.conf(5) try such.  Where it `has_files` it may replace and remove
 * those of Unix sockets.  Says in the log what became of it.  Returns 0, also where `mode` is
 * SANDBOX_AUTO and there is no sandbox to be had, or -1 after an error in the log.
 */
int sandbox_enter(enum sandbox_mode mode, bool has_files);

/* False where files of sockets can no longer be made or removed. */
bool sandbox_allows_files(void);

#endif
