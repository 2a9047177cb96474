/*
 * The standard descriptors, as whoever started the client left them: closed, made
 * non-blocking for all who share them, full, or with nobody at their other end any more.
 * What goes to stdout and stderr waits for room as if they blocked, by stdio(3) too, and
 * that stdout fails is noticed at once, whether or not anything is printed.
 */
#ifndef CLIENT_STANDARD_H
#define CLIENT_STANDARD_H

#include <stdbool.h>
#include <stddef.h>

struct event_base;

/*
 * To be called before anything is opened or printed.  Occupies those that are closed, which
 * would else be given to a socket, and the replies written to the server: what takes their
 * place fails as they would have.  stdout and stderr are printed line by line.
 */
void standard_prepare(void);

/* Writes `size` bytes to stdout.  Returns false where that fails or has failed before. */
bool standard_write(const void *data, size_t size);

/* The errno with which stdout failed first, or 0. */
int standard_error(void);

/*
 * Calls `failed` with `arg` in the loop of `base`, once, when stdout has failed: a write, or
 * its reader, who has gone.  (That ends the program by SIGPIPE, unless it is ignored.)
 * Returns false where there is no memory.  One at a time, until standard_unwatch().
 */
bool standard_watch(struct event_base *base, void (*failed)(void *arg), void *arg);
void standard_unwatch(void);

#endif
