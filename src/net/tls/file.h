/* Files of certificates and keys. */
#ifndef NET_TLS_FILE_H
#define NET_TLS_FILE_H

#include <openssl/bio.h>

#include "net/tls/settings.h"

/*
 * Returns what is in the file at `path`, for BIO_free(), which leaves nothing of it in memory;
 * or NULL with what is wrong in `text`, and errno.  *is_open: all users may read it; NULL:
 * nobody asks.
 */
BIO *file_read(const char *path, bool *is_open, char text[TLS_TEXT_SIZE]);

/*
 * True, with that in `text`, where something failed for want of memory since errno was 0 and
 * OpenSSL knew of no error, which it then does not any more; errno is ENOMEM then, else 0.
 */
bool file_lacked_memory(const char *path, char text[TLS_TEXT_SIZE]);

/* The same; or else it writes "PATH: FAULT", and what OpenSSL adds to that, to `text`. */
void file_blame(const char *path, const char *fault, char text[TLS_TEXT_SIZE]);

#endif
