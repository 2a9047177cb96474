/*
 * Who is connected, for /connections: each worker looks at its own, some at a time (walk.h), keeps
 * those that are asked for, and sends them home; the control thread writes them down, some at a
 * time as well.  One request is worked at after the other.  Whose HTTP connection ends meanwhile
 * is passed over, and what comes home for him is dropped.
 *
 * The control thread's alone.  Addresses are personal data: it tells none unless it is allowed
 * to, and nobody who does not come by the loopback or by a Unix socket.
 */
#ifndef DAEMON_OBSERVE_PEERS_GATHER_H
#define DAEMON_OBSERVE_PEERS_GATHER_H

#include <stdbool.h>

#include "daemon/access/sources.h"
#include "daemon/account/census.h"
#include "daemon/observe/http_server.h"
#include "daemon/stream/crowds.h"
#include "daemon/threads/workers.h"

struct gather;

/* Of what it tells: all of it outlives gather_stop(), and crowds and workers its letters. */
struct gathered {
	struct event_base *base;
	const struct workers *workers;
	const struct crowds *crowds;
	const struct census *census;
	const struct sources *sources;
};

/* One that may tell nothing.  Returns NULL where memory lacks. */
struct gather *gather_new(const struct gathered *gathered);

/* Once the workers have ended, and before their inbox does: nobody gets an answer any more. */
void gather_stop(struct gather *gather);

/* After gather_stop(), when the workers' loops are gone. */
void gather_free(struct gather *gather);

/* What observe.peers says. */
void gather_allow(struct gather *gather, bool is_allowed);

/* As a page's write(). */
enum http_status gather_ask(struct gather *gather, const struct http_asker *asker,
    struct evbuffer *body);

#endif
