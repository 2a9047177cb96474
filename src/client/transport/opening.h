/*
 * How a connection is opened before its user has it: the header of a proxy that it begins with,
 * what its kind has to agree on, and the greeting that the server has to send.  For the files of
 * channels alone.
 */
#ifndef CLIENT_TRANSPORT_OPENING_H
#define CLIENT_TRANSPORT_OPENING_H

#include "client/transport/channel_internal.h"

/* The most that a greeting may be: bytes. */
#define OPENING_MOST 4096

/*
 * `channel` has just connected: sends its header, where one is asked for, and goes on as below.
 */
int opening_begin(struct channel *channel);

/*
 * Goes on with the agreement, then takes what has come of the greeting, and nothing that follows
 * it.  Returns 0 when all is there, EAGAIN while more may come, else another errno: where
 * channel_fault() is not NULL, that tells what is wrong.
 */
int opening_go_on(struct channel *channel);

/* Its time is over: the same, but for EAGAIN. */
int opening_end(struct channel *channel);

/* Forgets the greeting of the connection before. */
void opening_clear(struct channel *channel);

#endif
