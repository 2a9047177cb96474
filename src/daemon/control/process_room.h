/*
 * What the process has to tell, under the names that the client libraries of Prometheus have
 * for it.
 */
#ifndef DAEMON_CONTROL_PROCESS_ROOM_H
#define DAEMON_CONTROL_PROCESS_ROOM_H

#include "daemon/account/census.h"
#include "daemon/listen/admission.h"
#include "daemon/listen/listeners.h"
#include "daemon/observe/http_listeners.h"
#include "daemon/observe/http_server.h"

/* What it is told by: all of it outlives the room. */
struct process_parts {
	const struct admission *admission;
	const struct listeners *listeners;
	const struct http_server *http;
	const struct http_listeners *http_listeners;
	time_t started;
};

struct process_room {
	struct census_room room;
	struct process_parts parts;
	size_t others;           /* descriptors that are neither connections nor listeners' */
	uint64_t virtual_bytes, resident_bytes; /* when it last looked */
};

/* Registers `room` with `census`, which it outlives. */
void process_room_register(struct process_room *room, struct census *census,
    const struct process_parts *parts);

/*
 * The process has all that it will have, but for connections and listeners.  From here on its
 * descriptors are told: counting them all takes a millisecond for each hundred thousand.
 */
void process_room_settle(struct process_room *room);

#endif
