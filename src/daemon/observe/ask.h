/*
 * Asks a running echod how it does, from another process: the other end of /status.json.
 */
#ifndef DAEMON_OBSERVE_ASK_H
#define DAEMON_OBSERVE_ASK_H

#include <stddef.h>

#include "net/endpoint.h"

/* What is wrong, and the NUL. */
#define ASK_FAULT_SIZE (ENDPOINT_TEXT_SIZE + 128)

enum ask_result {
	ASK_ANSWERED,
	ASK_FAULTY, /* who is there gives no answer, or no right one */
	ASK_NOBODY, /* nobody is there */
};

/*
 * Asks at the first of `count` endpoints where somebody is, those of observe, and waits for him 5
 * seconds at most.  After ASK_ANSWERED what he says is in *json, for free(), with its length;
 * otherwise what is wrong in `fault`.
 */
enum ask_result ask_status(const struct endpoint_view *endpoints, size_t count, char **json,
    size_t *length, char fault[ASK_FAULT_SIZE]);

#endif
