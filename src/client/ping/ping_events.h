/*
 * The steps of a ping for whoever follows it, with --json-stream: an object on a line for each.
 */
#ifndef CLIENT_PING_PING_EVENTS_H
#define CLIENT_PING_PING_EVENTS_H

#include <jansson.h>

#include "client/measure/judge.h"
#include "client/ping/ping_options.h"

/*
 * Prints one where the options ask for them: its name, when it was, of which target and flow, and
 * the fields that `format` makes, as json_pack() does of what it does not take over.
 */
void ping_event(const struct ping_options *options, const char *event, const char *format, ...);

/* The same with a `reason` that may be any bytes. */
void ping_event_reason(const struct ping_options *options, const char *event, const char *reason);

/* The same of a reply, and of what it came with, where that is another thing than before. */
void ping_event_reply(const struct ping_options *options, const char *peer,
    const struct reply *reply, const struct marks_told *marks);

#endif
