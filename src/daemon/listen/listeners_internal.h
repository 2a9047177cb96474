/*
 * What a set of listeners is made of, for its files alone: listeners.c has how a configuration
 * replaces them, adopted.c how they come from one process to another.
 */
#ifndef DAEMON_LISTEN_LISTENERS_INTERNAL_H
#define DAEMON_LISTEN_LISTENERS_INTERNAL_H

#include "daemon/listen/listeners.h"

struct set {
	size_t count;
	struct member {
		struct listener *listener;
		/* Of those to be replaced the one whose place it takes, itself where it stays. */
		struct listener *former; /* NULL: there is none */
	} *members;
};

struct listeners {
	struct listener_context context;
	struct set now;
	unsigned held;   /* what those carry that accept nobody */
	struct set next; /* prepared: those that stay, and new ones that do not serve yet */
	/* Until the first commit those of `now` are another process's, by these configurations. */
	struct listen_config **adopted;
	size_t adopted_count;
};

/* --- adopted.c --- */

/* What was adopted serves from here on, until those of `next` do. */
void listeners_serve_adopted(struct listeners *listeners);

/* They have configurations of their own, or have left. */
void listeners_forget_adopted(struct listeners *listeners);

/* They are still the other process's. */
void listeners_drop_adopted(struct listeners *listeners);

#endif
