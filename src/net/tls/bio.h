/* The BIO by which OpenSSL reads from a wire and writes to it; see wire.h. */
#ifndef NET_TLS_BIO_H
#define NET_TLS_BIO_H

#include <openssl/bio.h>

#include "net/tls/wire.h"

/* Makes what bio_new() needs; once, before threads.  Returns false where memory lacks. */
bool bio_initialise(void);

/* Returns a BIO over `wire`, for its SSL to free, or NULL. */
BIO *bio_new(struct tls_wire *wire);

#endif
