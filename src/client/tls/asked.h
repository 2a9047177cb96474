/*
 * The TLS that options ask for, and the context that is made of it.
 */
#ifndef CLIENT_TLS_ASKED_H
#define CLIENT_TLS_ASKED_H

#include <stdbool.h>
#include <stddef.h>

#include "net/endpoint.h"
#include "net/tls/context.h"

/* The most names that --alpn takes, and what all of them have room in. */
#define TLS_ASKED_ALPN_MOST 16
#define TLS_ASKED_ALPN_SIZE 512

struct tls_asked {
	/* Of the command line; NULL: not given. */
	const char *ca, *certificate, *key, *name, *minimum;
	bool is_insecure;
	char alpn[TLS_ASKED_ALPN_SIZE];
	const char *protocols[TLS_ASKED_ALPN_MOST]; /* in `alpn` */
	size_t protocol_count;
	const char *option; /* one of them that is given, as it is written; NULL: none is */
};

/* Each reads the value of its option.  Returns NULL, or what would be right. */
const char *tls_asked_name(struct tls_asked *asked, const char *text);
const char *tls_asked_minimum(struct tls_asked *asked, const char *text);
const char *tls_asked_alpn(struct tls_asked *asked, const char *text);

/* Returns NULL, or what is wrong with them together. */
const char *tls_asked_check(const struct tls_asked *asked);

/*
 * Writes to `name` whose certificate the server at `host` has to have: the name that is asked for,
 * or the host, without its interface or a last dot.
 */
void tls_asked_server(const struct tls_asked *asked, const char *host,
    char name[ENDPOINT_HOST_SIZE]);

/*
 * Returns the context for a server of that name, for tls_context_release(), or NULL with what is
 * wrong in `text`.
 */
struct tls_context *tls_asked_context(const struct tls_asked *asked, const char *name,
    char text[TLS_TEXT_SIZE]);

#endif
