/*
 * Asks a running echod from another process: the other end of its pages.
 */
#ifndef DAEMON_OBSERVE_ASKING_ASK_H
#define DAEMON_OBSERVE_ASKING_ASK_H

#include <stddef.h>

#include "net/endpoint.h"

/* What is wrong, and the NUL. */
#define ASK_FAULT_SIZE (ENDPOINT_TEXT_SIZE + 384)

enum ask_result {
	ASK_ANSWERED,
	ASK_FAULTY, /* who is there gives no answer, or no right one */
	ASK_NOBODY, /* nobody is there */
};

/* The longest target, and the NUL: a head of HTTP is no longer. */
#define ASK_TARGET_SIZE 4000

/* What whoever was asked says, for free(). */
struct ask_answer {
	char *text; /* NULL: nothing right */
	size_t length;
	char fault[ASK_FAULT_SIZE]; /* what is wrong, or would be if the text were not what it should */
};

/*
 * Asks for `target`, a path and perhaps a query, at the first of `count` endpoints where somebody
 * is, those of observe, and waits for him 5 seconds at most.
 */
enum ask_result ask_page(const struct endpoint_view *endpoints, size_t count, const char *target,
    struct ask_answer *answer);

#endif
