/*
 * The steps of a ping, each a line of text.
 */
#ifndef CLIENT_PING_PING_REPORT_H
#define CLIENT_PING_PING_REPORT_H

#include <stdint.h>

#include "client/measure/judge.h"
#include "client/ping/ping_options.h"
#include "client/transport/channel.h"

/*
 * The head and each step, on stdout, as far as the options want them; `peer` is its address.
 */
void ping_print_start(const struct ping_options *options, const char *peer);
/* Of several: nobody was. */
void ping_print_unreached(const struct ping_options *options, const char *fault);
void ping_print_connected(const struct ping_options *options, const char *peer,
    const struct channel *channel);
void ping_print_reply(const struct ping_options *options, const char *peer,
    const struct reply *reply, const struct marks_told *marks);
void ping_print_missing(const struct ping_options *options, uint64_t seq);
/* How the way to the peer was lost: see below. */
void ping_print_lost(const struct ping_options *options, const char *text);
/* The peer takes no more bytes for now: streams. */
void ping_print_blocked(const struct ping_options *options, const char *peer);
/* It has answered again, after `seconds`, to the address that `channel` has now. */
void ping_print_back(const struct ping_options *options, const char *peer,
    const struct channel *channel, double seconds);
/*
 * Somebody at `from` has sent a datagram of `size` bytes that answers message `seq`, 0: none.
 * `is_new` where the stranger told before was another one.
 */
void ping_print_stranger(const struct ping_options *options, const char *from, bool is_new,
    uint64_t seq, size_t size);
/* What is wrong with sending to the peer or hearing from it: datagrams. */
void ping_print_trouble(const struct ping_options *options, const char *peer,
    const struct channel *channel, int error);

#define PING_LOST_SIZE (CHANNEL_TEXT_SIZE + 200)

/* Writes how a connection ended: by the errno, 0 where the peer closed it in order. */
void ping_tell_lost(const char *peer, const struct channel *channel, int error,
    char text[PING_LOST_SIZE]);
/* The peer has not answered for `seconds`. */
void ping_tell_silent(const char *peer, double seconds, char text[PING_LOST_SIZE]);

#endif
