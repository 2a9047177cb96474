/*
 * The keys by which session tickets are sealed: shared by the workers, and by the contexts that
 * follow one another at a listener.  Each seals for two hours and opens for two more, so that
 * what was recorded cannot be read with a key that is found later.
 */
#ifndef NET_TLS_TICKETS_H
#define NET_TLS_TICKETS_H

#include <openssl/ssl.h>
#include <stdbool.h>

struct tickets;

/* How long a session may be resumed, and a key seals: seconds. */
#define TICKETS_LIFETIME 7200

/* Returns a first key, for tickets_release(), or NULL. */
struct tickets *tickets_new(void);

/* From any thread; the last release frees them. */
struct tickets *tickets_hold(struct tickets *tickets);
void tickets_release(struct tickets *tickets);

/* Has the sessions of `ssl` use them: whoever frees it frees them later. */
bool tickets_serve(struct tickets *tickets, SSL_CTX *ssl);

#endif
