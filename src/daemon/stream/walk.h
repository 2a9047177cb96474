/*
 * A look at all connections of a crowd, a few at a time: between two slices of a walk the worker
 * serves what is ready.  Each connection that is there when it begins, and has not ended by its
 * turn, is looked at once; one that moves in its list is looked at then, so that nothing escapes.
 */
#ifndef DAEMON_STREAM_WALK_H
#define DAEMON_STREAM_WALK_H

#include <event2/event_struct.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/stream/crowd.h"

/* How long a slice takes at most, but for the last look of it: us. */
#define WALK_SLICE 250

/* Part of what whoever walks has; it lives until `done`, or until the crowd's loop has ended. */
struct walk {
	/* Each in the crowd's thread; *conn may not be changed. */
	void (*look)(struct walk *walk, const struct conn *conn);
	void (*done)(struct walk *walk);

	/* The walk's own from here on. */
	struct crowd *crowd;
	struct event slice;
	enum conn_state state;  /* whose list it is in */
	struct conn *next;      /* of that list; NULL: its end */
	int64_t longest;        /* us that a slice took */
};

/* In the crowd's thread: begins, where no walk of the crowd is under way. */
void walk_begin(struct walk *walk, struct crowd *crowd);

#endif
