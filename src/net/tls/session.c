/* One end of a TLS connection: see session.h. */
#include "net/tls/session.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "net/tls/bio.h"
#include "net/tls/context_internal.h"
#include "net/tls/session_fault.h"

/*
 * Records without data in what came at once: key updates cost us more than the peer.  OpenSSL
 * stops at each, and once more to answer it.
 */
#define DATALESS_MOST 16
#define STOPS_MOST (2 * DATALESS_MOST)

/* The types of the records that a handshake begins with (RFC 8446, 5.1), or that refuse it. */
#define HANDSHAKE_RECORD 22
#define ALERT_RECORD 21

struct tls_session {
	SSL *ssl;
	struct tls_wire *wire;
	enum tls_fault fault;
	bool begun;      /* something came */
	bool is_plain;   /* that was no TLS */
	bool is_ready;   /* the handshake is over */
	bool has_ended;  /* our end is on the wire */
	const char *words; /* of the fault; NULL: there are none */
};

/* What another session left there would be taken for this one's; it is dear where there is nothing. */
static void
clear_queue(void)
{
	if (ERR_peek_error() != 0)
		ERR_clear_error();
}

/* --- life -------------------------------------------------------------------------- */

/* Of whom the client calls: what is sent, and what the certificate has to have. */
static bool
set_name(SSL *ssl, const struct tls_context *context)
{
	if (context->name == NULL)
		return true;
	if (context->name_is_address)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), context->name) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, context->name) == 1 &&
	    SSL_set1_host(ssl, context->name) == 1;
}

static bool
set_up(SSL *ssl, const struct tls_context *context, const struct tls_session *earlier)
{
	SSL_SESSION *agreed;
	bool taken = true;

	if (context->is_server) {
		SSL_set_accept_state(ssl);
		return true;
	}
	SSL_set_connect_state(ssl);
	agreed = earlier != NULL ? SSL_get1_session(earlier->ssl) : NULL;
	if (agreed != NULL && SSL_SESSION_is_resumable(agreed))
		taken = SSL_set_session(ssl, agreed) == 1;
	SSL_SESSION_free(agreed);
	return taken && set_name(ssl, context);
}

struct tls_session *
tls_session_new(struct tls_context *context, struct tls_wire *wire,
    const struct tls_session *earlier)
{
	struct tls_session *session = calloc(1, sizeof(*session));
	BIO *bio = session != NULL ? bio_new(wire) : NULL;

	clear_queue();
	if (bio == NULL) {
		free(session);
		return NULL;
	}
	session->wire = wire;
	session->fault = TLS_FAULT_NONE;
	session->ssl = SSL_new(context->ssl); /* which holds that */
	if (session->ssl == NULL) {
		BIO_free(bio);
		free(session);
		return NULL;
	}
	SSL_set_bio(session->ssl, bio, bio);
	if (set_up(session->ssl, context, earlier))
		return session;
	tls_session_free(session);
	return NULL;
}

void
tls_session_free(struct tls_session *session)
{
	if (session == NULL)
		return;
	SSL_free(session->ssl);
	free(session);
}

/* --- what goes wrong ----------------------------------------------------------------- */

static enum tls_verdict
fail(struct tls_session *session, enum tls_fault fault, const char *words)
{
	session->fault = fault;
	session->words = words;
	return TLS_FAULTY;
}

static const char *
words_of(const SSL *ssl, unsigned long error)
{
	const long verdict = SSL_get_verify_result(ssl);

	if (verdict != X509_V_OK && ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED)
		return X509_verify_cert_error_string(verdict);
	return ERR_reason_error_string(error);
}

/* The first error is the cause of the others. */
static enum tls_verdict
fail_by_queue(struct tls_session *session)
{
	const unsigned long error = ERR_peek_error();

	if (error == 0)
		return fail(session, FAULT_TLS_BROKEN, "unexpected end");
	return fail(session, session_fault_of(error), words_of(session->ssl, error));
}

enum tls_fault
tls_session_fault(const struct tls_session *session)
{
	return session->fault;
}

const char *
tls_session_fault_text(const struct tls_session *session)
{
	return session->words != NULL ? session->words : "";
}

/* --- the handshake ------------------------------------------------------------------- */

static void
look_at_start(struct tls_session *session)
{
	const struct tls_wire *wire = session->wire;

	if (session->begun || wire->in_size == 0)
		return;
	session->begun = true;
	session->is_plain = wire->in[0] != HANDSHAKE_RECORD && wire->in[0] != ALERT_RECORD;
}

enum tls_verdict
tls_session_shake(struct tls_session *session)
{
	int result;

	if (session->fault != TLS_FAULT_NONE)
		return TLS_FAULTY;
	look_at_start(session);
	clear_queue();
	result = SSL_do_handshake(session->ssl);
	if (result == 1) {
		session->is_ready = true;
		return TLS_READY;
	}
	if (SSL_get_error(session->ssl, result) == SSL_ERROR_WANT_READ)
		return TLS_MORE;
	if (session->is_plain)
		return fail(session, FAULT_TLS_PLAIN, "no TLS");
	return fail_by_queue(session);
}

/* --- data ---------------------------------------------------------------------------- */

/* Why nothing was read: goes on, with TLS_READY, where a record had no data. */
static enum tls_verdict
look_at_stop(struct tls_session *session, int *stops)
{
	switch (SSL_get_error(session->ssl, 0)) {
	case SSL_ERROR_WANT_READ:
		if (session->wire->is_starved)
			return TLS_MORE;
		return ++*stops <= STOPS_MOST ? TLS_READY
		    : fail(session, FAULT_TLS_FLOOD, "records without data");
	case SSL_ERROR_ZERO_RETURN:
		return TLS_ENDED;
	default:
		return fail_by_queue(session);
	}
}

/* To ask once more would be in vain, and OpenSSL would get its buffer for it. */
static bool
is_exhausted(const struct tls_session *session)
{
	return session->wire->in_size == 0 && SSL_has_pending(session->ssl) == 0;
}

enum tls_verdict
tls_session_read(struct tls_session *session, void *data, size_t size, size_t *got)
{
	enum tls_verdict verdict = TLS_READY;
	int stops = 0;
	size_t n;

	*got = 0;
	if (session->fault != TLS_FAULT_NONE)
		return TLS_FAULTY;
	clear_queue();
	while (verdict == TLS_READY && *got < size) {
		session->wire->is_starved = false;
		if (SSL_read_ex(session->ssl, (char *)data + *got, size - *got, &n) != 1)
			verdict = look_at_stop(session, &stops);
		else if ((*got += n) < size && is_exhausted(session))
			verdict = TLS_MORE;
	}
	return verdict;
}

bool
tls_session_write(struct tls_session *session, const void *data, size_t size)
{
	size_t n;

	if (size == 0 || session->fault != TLS_FAULT_NONE)
		return session->fault == TLS_FAULT_NONE;
	clear_queue();
	if (SSL_write_ex(session->ssl, data, size, &n) == 1)
		return true;
	if (ERR_peek_error() != 0)
		fail_by_queue(session);
	else if (SSL_get_error(session->ssl, 0) == SSL_ERROR_WANT_READ)
		fail(session, FAULT_TLS_BROKEN, "a message of the handshake in pieces");
	else /* the BIO had no room for it */
		fail(session, FAULT_TLS_MEMORY, NULL);
	return false;
}

void
tls_session_end(struct tls_session *session)
{
	if (!session->is_ready || session->has_ended || session->fault != TLS_FAULT_NONE)
		return;
	session->has_ended = true;
	clear_queue();
	SSL_shutdown(session->ssl);
}

/* --- what was agreed on ---------------------------------------------------------------- */

static void
write_subject(const X509 *certificate, char text[TLS_SUBJECT_SIZE])
{
	BIO *memory = BIO_new(BIO_s_mem());
	int n;

	if (memory == NULL)
		return;
	X509_NAME_print_ex(memory, X509_get_subject_name(certificate), 0,
	    XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
	n = BIO_read(memory, text, TLS_SUBJECT_SIZE - 1);
	text[n > 0 ? n : 0] = '\0';
	BIO_free(memory);
}

static const char *
name_text(const GENERAL_NAME *name, char text[TLS_NAME_SIZE])
{
	int type;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
	const unsigned char *data = type == GEN_DNS || type == GEN_IPADD
	    ? ASN1_STRING_get0_data(value) : NULL;
	const int size = data != NULL ? ASN1_STRING_length(value) : 0;

	if (type == GEN_DNS)
		snprintf(text, TLS_NAME_SIZE, "%.*s", size, (const char *)data);
	else if (type != GEN_IPADD || inet_ntop(size == 4 ? AF_INET : AF_INET6, data, text,
	    TLS_NAME_SIZE) == NULL)
		text[0] = '\0';
	return text;
}

static void
write_names(const X509 *certificate, char text[TLS_SUBJECT_SIZE])
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	char name[TLS_NAME_SIZE];
	size_t used = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(names) && used < TLS_SUBJECT_SIZE; i++) {
		name_text(sk_GENERAL_NAME_value(names, i), name);
		if (*name != '\0')
			used += (size_t)snprintf(text + used, TLS_SUBJECT_SIZE - used, "%s%s",
			    used > 0 ? ", " : "", name);
	}
	GENERAL_NAMES_free(names);
}

static void
write_certificate(const X509 *certificate, struct tls_facts *facts)
{
	struct tm tm;

	write_subject(certificate, facts->subject);
	write_names(certificate, facts->names);
	if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) == 1)
		facts->end = timegm(&tm);
}

bool
tls_session_is_resumed(const struct tls_session *session)
{
	return SSL_session_reused(session->ssl) == 1;
}

void
tls_session_terms(const struct tls_session *session, struct tls_terms *terms)
{
	const char *name = SSL_get_servername(session->ssl, TLSEXT_NAMETYPE_host_name);

	terms->version = SSL_get_version(session->ssl);
	terms->cipher = SSL_get_cipher_name(session->ssl);
	terms->server_name = name != NULL ? name : "";
}

void
tls_session_facts(const struct tls_session *session, struct tls_facts *facts)
{
	const SSL *ssl = session->ssl;
	const X509 *certificate = SSL_get0_peer_certificate(ssl);
	const unsigned char *alpn;
	struct tls_terms terms;
	unsigned size;

	tls_session_terms(session, &terms);
	memset(facts, 0, sizeof(*facts));
	facts->version = terms.version;
	facts->cipher = terms.cipher;
	facts->is_resumed = tls_session_is_resumed(session);
	snprintf(facts->server_name, sizeof(facts->server_name), "%s", terms.server_name);
	SSL_get0_alpn_selected(ssl, &alpn, &size);
	if (alpn != NULL)
		memcpy(facts->alpn, alpn, size); /* at most 255 */
	if (certificate == NULL)
		return;
	facts->is_verified = SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE; /* or it had failed */
	write_certificate(certificate, facts);
}
