/*
 * What the peers in C share: their listening socket, their one line of output, and
 * an end by SIGTERM that frees everything, so that a leak can be told from a habit.
 *
 * A peer is the least that a program of its kind needs to be a right echo on
 * 127.0.0.1, or on a Unix socket: every byte goes back, an end of stream waits for
 * what must still be sent, an error ends one connection and not the peer.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

/* The exit status of a peer that cannot run here: sysexits.h's EX_UNAVAILABLE. */
#define PEER_UNAVAILABLE 69

/* Says what failed, with errno, and exits. */
_Noreturn void peer_die(const char *what);

/* A number from the command line; anything else ends the program. */
int peer_number(const char *text);

/*
 * A socket of `type`, bound to `port` of 127.0.0.1 (0: the kernel picks one) and
 * listening where it is a stream's.  Failure ends the program.
 */
int peer_socket(int type, int port);

/* The same, bound to the abstract name echod-bench-PID. */
int peer_unix_socket(int type);

/* Prints "listening PORT", or PID, once the peer would answer. */
void peer_ready(int fd);

/* TCP_NODELAY, and both buffers where `buffer` is not 0. */
void peer_tune(int fd, int buffer);

/*
 * Makes SIGTERM and SIGINT set the flag that peer_stopped() tells.  They are blocked
 * but in a wait that takes the mask peer_signals() returns, as epoll_pwait(2) does.
 */
const sigset_t *peer_signals(void);
bool peer_stopped(void);

#endif
