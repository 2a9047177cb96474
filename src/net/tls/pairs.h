/* Certificates with their keys and chains, read from files, and which of them a client gets. */
#ifndef NET_TLS_PAIRS_H
#define NET_TLS_PAIRS_H

#include <openssl/ssl.h>

#include "net/tls/settings.h"

struct pairs;

/* Returns the pairs of the settings, which may be none, or NULL with what is wrong in `text`. */
struct pairs *pairs_read(const struct tls_settings *settings, char text[TLS_TEXT_SIZE]);
void pairs_free(struct pairs *pairs);

/* Has `ssl` present them: the first, or, where there are several, those for the asked name. */
bool pairs_serve(struct pairs *pairs, SSL_CTX *ssl);

const struct tls_pair *pairs_get(const struct pairs *pairs, size_t index);

/* True where one of them has the certificate of the pair `index` of `others`. */
bool pairs_have(const struct pairs *pairs, const struct pairs *others, size_t index);

#endif
