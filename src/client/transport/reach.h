/* Reaching the far end: its name looked up, every address tried. */
#ifndef CLIENT_TRANSPORT_REACH_H
#define CLIENT_TRANSPORT_REACH_H

#include <stdbool.h>

#include "client/ending.h"
#include "client/transport/channel.h"

struct reach;

/*
 * Called once when it is over: the channel is open and `fault` is NULL, or it is closed and
 * `fault` has what is wrong, of each address, until the next reach_begin() or reach_free().
 */
typedef void reach_done(void *arg, const char *fault);

/*
 * Returns what reaches the far end of `wish` by `channel`, as often as it is asked to, for
 * reach_free(); or NULL with errno.  All three must live as long.
 */
struct reach *reach_new(struct event_base *base, struct channel *channel,
    const struct channel_wish *wish);

/* Ends what is under way too, and leaves the channel as it is then.  NULL: nothing is done. */
void reach_free(struct reach *reach);

/*
 * Begins to look up the name and to try its addresses in turn, until one of them answers; of a
 * name that is not found now, the one that the channel had before.  What was open is closed.
 * `done` is called with `arg`, in the loop or before this returns; it must not begin again.
 */
void reach_begin(struct reach *reach, reach_done *done, void *arg);

/* True until `done` is called. */
bool reach_is_under_way(const struct reach *reach);

/* How it ended: where `done` was called with a fault. */
enum ending reach_ending(const struct reach *reach);

/*
 * Ends what is under way, as reach_free() does.  Returns what was wrong so far and what it waited for,
 * until the next reach_begin() or reach_free().
 */
const char *reach_break_off(struct reach *reach);

/*
 * Reaches the far end of `wish` once: runs the base until that is over.  Returns ENDING_DONE with
 * the channel open and *fault NULL, or how it ended, and *fault has what is wrong, until the next
 * call: ENDING_INTERRUPTED where a callback broke the loop (event_base_loopbreak()), and that was
 * left.
 */
enum ending reach_once(struct event_base *base, struct channel *channel,
    const struct channel_wish *wish, const char **fault);

/*
 * Makes a channel and reaches the far end with it, as reach_once() does.  Returns it, for
 * channel_free(), or NULL with *ending and *fault.
 */
struct channel *reach_first(struct event_base *base, const struct channel_wish *wish,
    enum ending *ending, const char **fault);

#endif
