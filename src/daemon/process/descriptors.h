/*
 * File descriptors: that the standard ones are no sockets, and how many connections
 * RLIMIT_NOFILE and select(2) leave room for.
 */
#ifndef DAEMON_PROCESS_DESCRIPTORS_H
#define DAEMON_PROCESS_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A standard descriptor that is closed would be given to a socket or a queue, and the log written
 * there.  What takes its place fails as the closed one would have.
 */
void descriptors_occupy_standard(void);

/*
 * Raises the soft limit to the hard one: who takes over has as many as the other one had, whatever
 * it needs itself.  For select(2) descriptors_make_room() lowers it again.
 */
void descriptors_allow_all(void);

struct descriptors_need {
	size_t connections; /* limits.connections */
	size_t workers;
	size_t stream_listeners;
	size_t datagram_listeners;
	size_t inherited; /* sockets */
	size_t others; /* of those who are no peers: who asks how it does, and a successor */
};

/*
 * Sets RLIMIT_NOFILE to what is needed, as far as the process may; for select(2) the
 * soft limit becomes 1,024, so that no descriptor is ever one that an fd_set cannot
 * hold.  The kernel makes room for as many at once: call it before the first thread, and later
 * where more are needed.  Returns how many connections there is room for, at least one, and says
 * so in the log where that is less than wanted.
 */
size_t descriptors_make_room(bool for_select, const struct descriptors_need *need);

/* How many are open, so far as there is no gap of a thousand between two of them. */
size_t descriptors_count(void);

/* RLIMIT_NOFILE; 0 where that cannot be told. */
size_t descriptors_limit(void);

#endif
