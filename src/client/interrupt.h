/*
 * SIGINT and SIGTERM: the first of them ends a run, which then tells what became of it; the
 * second ends the program at once, where stdout blocks too.  So they do for PID 1, whom the
 * kernel spares the signals that it does not handle.
 */
#ifndef CLIENT_INTERRUPT_H
#define CLIENT_INTERRUPT_H

#include <stdbool.h>

struct event_base;

/* From now on either ends the program at once, until somebody watches. */
void interrupt_prepare(void);

/*
 * The first one calls `interrupted` with `arg` in the loop of `base`.  Returns false with
 * errno.  One at a time, until interrupt_unwatch().
 */
bool interrupt_watch(struct event_base *base, void (*interrupted)(void *arg), void *arg);
void interrupt_unwatch(void);

#endif
