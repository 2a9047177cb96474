/*
 * The rooms for batches of datagrams: one for each worker, which all its sockets share.  The
 * control thread's alone.
 */
#ifndef DAEMON_DATAGRAM_BATCHES_H
#define DAEMON_DATAGRAM_BATCHES_H

#include <stddef.h>

#include "daemon/datagram/batch.h"

struct batches;

/* For so many workers.  Returns NULL with errno; batches_free() frees them, once these ended. */
struct batches *batches_new(size_t workers);
void batches_free(struct batches *batches);

/* That of a worker, made when it is first asked for.  Returns NULL with errno. */
struct batch *batches_get(struct batches *batches, size_t worker);

#endif
