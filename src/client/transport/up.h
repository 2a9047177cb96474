/*
 * Waiting for a far end that is not up yet.  It is up when it answers: a connection alone may be
 * one that a balancer takes or that is closed at once, and a datagram is always sent.
 */
#ifndef CLIENT_TRANSPORT_UP_H
#define CLIENT_TRANSPORT_UP_H

#include <stdbool.h>

#include "client/ending.h"
#include "client/transport/channel.h"

/*
 * Connects to `wish`, sends a few bytes and waits for any to come back, again and again, for
 * `seconds` at most; 0: returns at once.  Without `answers` a connection is enough.  Runs `base`.
 * Returns ENDING_DONE; or *fault has why the last try failed, until the end of the program:
 * ENDING_DOWN where nobody is up by then, ENDING_INTERRUPTED where a callback broke the loop.
 */
enum ending up_await(struct event_base *base, const struct channel_wish *wish, double seconds,
    bool answers, const char **fault);

#endif
