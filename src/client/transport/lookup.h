/*
 * Names looked up without waiting: getaddrinfo(3), which alone asks all that nsswitch.conf(5)
 * has, in a thread of its own.  It cannot be called off, so that a lookup that nobody waits for
 * any more goes on without us.
 */
#ifndef CLIENT_TRANSPORT_LOOKUP_H
#define CLIENT_TRANSPORT_LOOKUP_H

#include <netdb.h>

#include "client/transport/channel.h"

struct lookup;

/*
 * What came of it, once: `found`, for freeaddrinfo(), or NULL and why in `fault`, which lasts
 * until this returns.  The lookup is gone then.
 */
typedef void lookup_done(void *arg, struct addrinfo *found, const char *fault);

/*
 * Looks up the host of `wish`, for its timeout at most.  `done` is called with `arg`, in the
 * loop of `base`, and NULL is returned before it is where nothing has to be waited for: of an
 * address, or where there is no memory or no thread.  Else returns the lookup, for
 * lookup_cancel() as long as `done` was not called.
 */
struct lookup *lookup_begin(struct event_base *base, const struct channel_wish *wish,
    lookup_done *done, void *arg);

/* `done` is not called any more.  NULL: nothing is done. */
void lookup_cancel(struct lookup *lookup);

#endif
