/* Certificates with their keys: see pairs.h. */
#include "net/tls/pairs.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "net/tls/file.h"

struct pair {
	struct tls_pair told;
	char *certificate, *key;
	X509 *leaf;
	STACK_OF(X509) *chain;
	EVP_PKEY *secret;
};

struct pairs {
	size_t count;
	struct pair items[];
};

/* --- reading ----------------------------------------------------------------------- */

/* No question is asked at a terminal. */
static int
no_passphrase(char *text, int size, int rwflag, void *arg) /* NOLINT(readability-non-const-parameter) */
{
	(void)text;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

/* The end of a file is no fault, once there was something. */
static bool
is_end(void)
{
	const unsigned long error = ERR_peek_last_error();
	const bool ended = ERR_GET_LIB(error) == ERR_LIB_PEM &&
	    ERR_GET_REASON(error) == PEM_R_NO_START_LINE;

	if (ended)
		ERR_clear_error();
	return ended;
}

static bool
read_chain(struct pair *pair, BIO *file)
{
	X509 *next;

	pair->chain = sk_X509_new_null();
	if (pair->chain == NULL)
		return false;
	while ((next = PEM_read_bio_X509(file, NULL, no_passphrase, NULL)) != NULL)
		if (sk_X509_push(pair->chain, next) == 0) {
			X509_free(next);
			return false;
		}
	return is_end();
}

static int64_t
seconds_of(const ASN1_TIME *time)
{
	struct tm tm;

	return ASN1_TIME_to_tm(time, &tm) == 1 ? timegm(&tm) : 0;
}

static void
note_times(struct pair *pair)
{
	pair->told.begin = seconds_of(X509_get0_notBefore(pair->leaf));
	pair->told.end = seconds_of(X509_get0_notAfter(pair->leaf));
}

static bool
read_certificate(struct pair *pair, char text[TLS_TEXT_SIZE])
{
	BIO *file = file_read(pair->certificate, NULL, text);
	bool whole;

	if (file == NULL)
		return false;
	errno = 0;
	pair->leaf = PEM_read_bio_X509_AUX(file, NULL, no_passphrase, NULL);
	whole = pair->leaf != NULL && read_chain(pair, file);
	BIO_free(file);
	if (pair->leaf == NULL && is_end())
		file_blame(pair->certificate, "no certificate in it: give a PEM file, with the"
		    " server's certificate first", text);
	else if (!whole)
		file_blame(pair->certificate, "a certificate in it cannot be read", text);
	else
		note_times(pair);
	return whole;
}

static bool
read_key(struct pair *pair, char text[TLS_TEXT_SIZE])
{
	BIO *file = file_read(pair->key, &pair->told.key_is_open, text);

	if (file == NULL)
		return false;
	errno = 0;
	pair->secret = PEM_read_bio_PrivateKey(file, NULL, no_passphrase, NULL);
	BIO_free(file);
	if (pair->secret == NULL)
		file_blame(pair->key, "no key in it that can be read: give a PEM file, with a"
		    " private key that needs no passphrase", text);
	else if (X509_check_private_key(pair->leaf, pair->secret) == 1)
		return true;
	else if (!file_lacked_memory(pair->key, text))
		snprintf(text, TLS_TEXT_SIZE, "%s: the key does not match the certificate in %s",
		    pair->key, pair->certificate);
	return false;
}

static bool
read_pair(struct pair *pair, const char *certificate, const char *key, char text[TLS_TEXT_SIZE])
{
	pair->certificate = strdup(certificate);
	pair->key = strdup(key);
	pair->told.certificate = pair->certificate;
	pair->told.key = pair->key;
	if (pair->certificate == NULL || pair->key == NULL) {
		snprintf(text, TLS_TEXT_SIZE, "%s", strerror(ENOMEM));
		errno = ENOMEM;
		return false;
	}
	errno = 0;
	return read_certificate(pair, text) && read_key(pair, text);
}

struct pairs *
pairs_read(const struct tls_settings *settings, char text[TLS_TEXT_SIZE])
{
	const size_t count = settings->certificate_count;
	struct pairs *pairs = calloc(1, sizeof(*pairs) + count * sizeof(pairs->items[0]));

	if (pairs == NULL) {
		snprintf(text, TLS_TEXT_SIZE, "%s", strerror(ENOMEM));
		return NULL;
	}
	for (; pairs->count < count; pairs->count++)
		if (!read_pair(&pairs->items[pairs->count], settings->certificates[pairs->count],
		    settings->keys[pairs->count], text)) {
			const int error = errno;

			pairs->count++;
			pairs_free(pairs);
			errno = error;
			return NULL;
		}
	return pairs;
}

void
pairs_free(struct pairs *pairs)
{
	if (pairs == NULL)
		return;
	for (size_t i = 0; i < pairs->count; i++) {
		struct pair *pair = &pairs->items[i];

		X509_free(pair->leaf);
		sk_X509_pop_free(pair->chain, X509_free);
		EVP_PKEY_free(pair->secret);
		free(pair->certificate);
		free(pair->key);
	}
	free(pairs);
}

/* --- presenting -------------------------------------------------------------------- */

static bool
is_for(const struct pair *pair, const char *name)
{
	return X509_check_host(pair->leaf, name, 0, 0, NULL) == 1;
}

/*
 * SSL_CTX_set_cert_cb(3).  Of those for the name that is asked for, each kind of key has its
 * first; without one it stays as pairs_serve() left it.
 */
static int
on_choice(SSL *ssl, void *arg)
{
	const struct pairs *pairs = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	bool found = false;

	for (size_t i = pairs->count; name != NULL && i-- > 0;) {
		const struct pair *pair = &pairs->items[i];

		if (!is_for(pair, name))
			continue;
		if (!found)
			SSL_certs_clear(ssl);
		found = true;
		if (SSL_use_cert_and_key(ssl, pair->leaf, pair->secret, pair->chain, 1) != 1)
			return 0;
	}
	return 1;
}

bool
pairs_serve(struct pairs *pairs, SSL_CTX *ssl)
{
	/* Of each kind of key the first is the last that is set. */
	for (size_t i = pairs->count; i-- > 0;) {
		const struct pair *pair = &pairs->items[i];

		if (SSL_CTX_use_cert_and_key(ssl, pair->leaf, pair->secret, pair->chain, 1) != 1)
			return false;
	}
	if (pairs->count > 1)
		SSL_CTX_set_cert_cb(ssl, on_choice, pairs);
	return true;
}

/* --- what others may know ----------------------------------------------------------- */

const struct tls_pair *
pairs_get(const struct pairs *pairs, size_t index)
{
	return index < pairs->count ? &pairs->items[index].told : NULL;
}

bool
pairs_have(const struct pairs *pairs, const struct pairs *others, size_t index)
{
	for (size_t i = 0; i < pairs->count; i++)
		if (X509_cmp(pairs->items[i].leaf, others->items[index].leaf) == 0)
			return true;
	return false;
}
