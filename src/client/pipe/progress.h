/*
 * The line that tells how far pipe is: on a terminal that knows how to erase it, and that
 * nothing else is typed at or printed on.
 */
#ifndef CLIENT_PIPE_PROGRESS_H
#define CLIENT_PIPE_PROGRESS_H

#include "client/pipe/pipe_report.h"

struct event_base;
struct progress;

/*
 * Prints the line every second from now on, of what `tally` then has.  Returns what
 * progress_end() takes, or NULL where there is no place for such a line, or no memory.
 */
struct progress *progress_begin(struct event_base *base, const struct pipe_tally *tally);

/* Erases the line and frees what NULL or progress_begin() returned. */
void progress_end(struct progress *progress);

#endif
