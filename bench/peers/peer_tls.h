/* What the peers that speak TLS share: as a careful author sets OpenSSL up for many connections. */
#ifndef BENCH_PEER_TLS_H
#define BENCH_PEER_TLS_H

#include <openssl/ssl.h>

/*
 * What TLS 1.3 is served with, by the files of a certificate and its key (PEM).  What cannot be
 * had ends the program.
 */
SSL_CTX *peer_tls_context(const char *certificate, const char *key);

#endif
