/*
 * A connection and what was agreed on over TLS, as they are told.
 */
#ifndef CLIENT_TLS_TOLD_H
#define CLIENT_TLS_TOLD_H

#include <jansson.h>

#include "client/transport/channel.h"
#include "net/tls/session.h"

/* Each byte of a name may take four, and what stands between them. */
#define TLS_TOLD_SIZE (TLS_NAME_SIZE * 4 + TLS_SUBJECT_SIZE * 4 + 256)

/*
 * Writes "TLSv1.3, TLS_AES_256_GCM_SHA384, in 1.234 ms, certificate of …" of the last handshake
 * of `channel` to `text`, and returns it; NULL where there was none, or `channel` is NULL.
 */
const char *tls_told(const struct channel *channel, char text[TLS_TOLD_SIZE]);

/* The same for the JSON object. */
json_t *tls_told_json(const struct channel *channel);

/*
 * Prints that `channel` is connected: to whom, how long that took, how the peer greeted, and what
 * TLS agreed on.  `label` goes before each line.
 */
void told_connected(const struct channel *channel, const char *label);

#endif
