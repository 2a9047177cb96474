/* Reaching the far end: names resolved, every address tried. */
#ifndef CLIENT_TRANSPORT_REACH_H
#define CLIENT_TRANSPORT_REACH_H

#include <stddef.h>

#include "client/ending.h"
#include "client/transport/channel.h"

/*
 * Connects to the first address of `wish` that answers, and runs `base` until then.  Returns
 * the channel, for channel_free(), which needs both of them as long as it lives; or NULL with
 * how that ended in *ending, and what is wrong in `fault`: of each address, as far as
 * `fault_size` goes.
 */
struct channel *reach(struct event_base *base, const struct channel_wish *wish,
    enum ending *ending, char *fault, size_t fault_size);

#endif
