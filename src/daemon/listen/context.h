/* What all listeners share: the control thread's loop, its door in, what was inherited. */
#ifndef DAEMON_LISTEN_CONTEXT_H
#define DAEMON_LISTEN_CONTEXT_H

struct admission;
struct batches;
struct census;
struct crowds;
struct event_base;
struct guard;
struct inherited;
struct preambles;

struct listener_context {
	struct event_base *base;
	struct admission *admission;
	struct preambles *preambles;
	const struct crowds *crowds;
	struct batches *batches;
	struct guard *guard; /* of all datagrams */
	struct census *census;
	const struct inherited *inherited;
};

#endif
