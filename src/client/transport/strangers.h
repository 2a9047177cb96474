/*
 * Strangers: who sends to a channel's port and is not its peer.
 *
 * A connected datagram socket hears its peer alone, udp(7), so that nobody else can answer in
 * its place, nor fill its buffer; but a reply from another address of the server is lost there.
 * A second socket with the same port hears what has no place in the first.
 */
#ifndef CLIENT_TRANSPORT_STRANGERS_H
#define CLIENT_TRANSPORT_STRANGERS_H

#include "client/transport/channel.h"

/*
 * Begins to hear them, of a channel that is connected from channel->local.  Where that cannot
 * be they are not heard.
 */
void strangers_open(struct channel *channel);

/* Ends it, where it was begun. */
void strangers_close(struct channel *channel);

#endif
