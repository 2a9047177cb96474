/* What a context is made of, for the files of this folder. */
#ifndef NET_TLS_CONTEXT_INTERNAL_H
#define NET_TLS_CONTEXT_INTERNAL_H

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "net/tls/context.h"
#include "net/tls/pairs.h"
#include "net/tls/tickets.h"

struct tls_context {
	atomic_uint holders;
	SSL_CTX *ssl;
	bool is_server;
	struct pairs *pairs;
	struct tickets *tickets; /* a server's: held */
	unsigned char *alpn;     /* as the protocol has it: a length before each name */
	size_t alpn_size;
	/* What says who is trusted, to compare: SHA-256 of the file `ca`, and the demand. */
	unsigned char trust[32];
	enum tls_demand demand;
	char *name;              /* a client: whom it calls; NULL: nobody */
	bool name_is_address;
};

#endif
