/*
 * What the TLS sessions of a listener, or of a client, have in common: certificates, who is
 * trusted, what is offered.  It never changes once it is made, and is shared by all threads.
 */
#ifndef NET_TLS_CONTEXT_H
#define NET_TLS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "net/tls/settings.h"

/* " +openssl" or the like, for --version: which library there is. */
const char *tls_feature(void);

/* False where echod was built without OpenSSL: then no context is ever made. */
extern const bool tls_is_built;

/*
 * Loads what the library needs, its own configuration among it: before a sandbox, and before
 * threads.  Returns false, with nothing lost, where it cannot.
 */
bool tls_initialise(void);

struct tls_context;

/*
 * The context of a listener.  `before` is that which it replaces, or NULL: tickets that this one
 * gave are taken unless another `ca` or `demand` would be gone round by them.  Returns it, for
 * tls_context_release(), or NULL with what is wrong in `text`, a file's name before it; errno is
 * ENOMEM where memory lacks, why a file could not be read, else 0.
 */
struct tls_context *tls_context_new_server(const struct tls_settings *settings,
    const struct tls_context *before, char text[TLS_TEXT_SIZE]);

/* The context of a client, in the same way. */
struct tls_context *tls_context_new_client(const struct tls_settings *settings,
    char text[TLS_TEXT_SIZE]);

/* From any thread; the last release frees it.  Both take NULL. */
struct tls_context *tls_context_hold(struct tls_context *context);
void tls_context_release(struct tls_context *context);

/* The pair `index`, or NULL beyond the last. */
const struct tls_pair *tls_context_pair(const struct tls_context *context, size_t index);

/* True where it has the certificate of the pair `index` of `other`. */
bool tls_context_has(const struct tls_context *context, const struct tls_context *other,
    size_t index);

#endif
