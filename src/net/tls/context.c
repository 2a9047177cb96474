/* What sessions have in common: see context.h. */
#include "net/tls/context.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/tls/bio.h"
#include "net/tls/context_internal.h"
#include "net/tls/file.h"

const bool tls_is_built = true;

/* A context being made, and where to say what is wrong. */
struct making {
	struct tls_context *context;
	const struct tls_settings *settings;
	char *text; /* TLS_TEXT_SIZE */
};

const char *
tls_feature(void)
{
	static char text[64];

	snprintf(text, sizeof(text), "+openssl %s", OpenSSL_version(OPENSSL_VERSION_STRING));
	return text;
}

bool
tls_initialise(void)
{
	unsigned char byte;

	return OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CONFIG, NULL) == 1 &&
	    RAND_bytes(&byte, 1) == 1 && bio_initialise();
}

static bool
lack_memory(const struct making *making)
{
	snprintf(making->text, TLS_TEXT_SIZE, "%s", strerror(ENOMEM));
	ERR_clear_error();
	errno = ENOMEM;
	return false;
}

static bool
blame(const struct making *making, const char *subject, const char *fault)
{
	file_blame(subject, fault, making->text);
	return false;
}

static bool
blame_value(const struct making *making, const char *option, const char *value, const char *fault)
{
	char subject[TLS_TEXT_SIZE / 4];

	snprintf(subject, sizeof(subject), "%s = \"%s\"", option, value);
	return blame(making, subject, fault);
}

/* --- versions, ciphers, groups ------------------------------------------------------ */

static bool
set_minimum(const struct making *making)
{
	SSL_CTX *ssl = making->context->ssl;
	const char *minimum = making->settings->minimum;
	const int version = strcmp(minimum, "1.3") == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;

	return SSL_CTX_set_min_proto_version(ssl, version) == 1 || lack_memory(making);
}

/* Appends a name of `length` to a list, which has room for it. */
static void
append(char *list, const char *name, size_t length)
{
	const size_t used = strlen(list);

	snprintf(list + used, length + 2, "%s%.*s", used > 0 ? ":" : "", (int)length, name);
}

/*
 * OpenSSL has two lists, of TLS 1.3's suites, whose names begin with TLS_, and of all others';
 * where only one kind is named the other stays as it is.
 */
static bool
set_ciphers(const struct making *making)
{
	static const char between[] = ":, ";
	SSL_CTX *ssl = making->context->ssl;
	const char *ciphers = making->settings->ciphers;
	const size_t room = strlen(ciphers) + 2;
	char *suites = calloc(2, room), *others;
	bool done = false;

	if (suites == NULL)
		return lack_memory(making);
	others = suites + room;
	for (size_t length; *ciphers != '\0'; ciphers += length) {
		ciphers += strspn(ciphers, between);
		length = strcspn(ciphers, between);
		if (length > 0)
			append(strncmp(ciphers, "TLS_", 4) == 0 ? suites : others, ciphers, length);
	}
	if (*suites != '\0' && SSL_CTX_set_ciphersuites(ssl, suites) != 1)
		blame_value(making, "ciphers", suites, "give names of TLS 1.3's suites that OpenSSL knows");
	else if (*others != '\0' && SSL_CTX_set_cipher_list(ssl, others) != 1)
		blame_value(making, "ciphers", others, "give a list of ciphers that OpenSSL knows, see"
		    " openssl-ciphers(1)");
	else
		done = true;
	free(suites);
	return done;
}

static bool
set_groups(const struct making *making)
{
	const char *groups = making->settings->groups;
	char *list; /* not constant, as OpenSSL asks for it */
	bool taken;

	if (*groups == '\0')
		return true;
	list = strdup(groups);
	if (list == NULL)
		return lack_memory(making);
	taken = SSL_CTX_set1_groups_list(making->context->ssl, list) == 1;
	free(list);
	return taken || blame_value(making, "groups", groups, "give a list of groups that OpenSSL"
	    " knows, such as \"X25519:P-256\"");
}

/* --- application protocols (RFC 7301) ------------------------------------------------ */

/* By the server's preference; where none is spoken by both, its alert says so. */
static int
on_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *size, const unsigned char *offered,
    unsigned offered_size, void *arg)
{
	const struct tls_context *context = arg;
	unsigned char *found;

	(void)ssl;
	if (SSL_select_next_proto(&found, size, context->alpn, (unsigned)context->alpn_size,
	    offered, offered_size) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*chosen = found;
	return SSL_TLSEXT_ERR_OK;
}

static bool
set_alpn(const struct making *making)
{
	struct tls_context *context = making->context;
	const struct tls_settings *settings = making->settings;
	size_t used = 0;

	if (settings->alpn_count == 0)
		return true;
	for (size_t i = 0; i < settings->alpn_count; i++)
		context->alpn_size += 1 + strlen(settings->alpn[i]);
	context->alpn = malloc(context->alpn_size);
	if (context->alpn == NULL)
		return lack_memory(making);
	for (size_t i = 0; i < settings->alpn_count; i++) {
		const size_t length = strlen(settings->alpn[i]);

		context->alpn[used++] = (unsigned char)length;
		memcpy(context->alpn + used, settings->alpn[i], length);
		used += length;
	}
	if (context->is_server)
		SSL_CTX_set_alpn_select_cb(context->ssl, on_alpn, context);
	else if (SSL_CTX_set_alpn_protos(context->ssl, context->alpn, (unsigned)used) != 0)
		return lack_memory(making);
	return true;
}

/* --- who is trusted ------------------------------------------------------------------ */

/* A server also tells clients whose certificates it takes. */
static bool
trust(struct tls_context *context, X509 *authority)
{
	return X509_STORE_add_cert(SSL_CTX_get_cert_store(context->ssl), authority) == 1 &&
	    (!context->is_server || SSL_CTX_add_client_CA(context->ssl, authority) == 1);
}

/* Returns how many there were, or -1. */
static int
trust_all(struct tls_context *context, BIO *file)
{
	X509 *authority;
	int count = 0;
	bool trusted = true;

	while (trusted && (authority = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL) {
		trusted = trust(context, authority);
		X509_free(authority);
		count++;
	}
	if (count > 0 && trusted &&
	    ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
		ERR_clear_error();
	return trusted && ERR_peek_error() == 0 ? count : -1;
}

static bool
trust_file(const struct making *making)
{
	const char *path = making->settings->ca;
	BIO *file = file_read(path, NULL, making->text);
	char *data;
	long size;
	int count;

	if (file == NULL)
		return false;
	errno = 0;
	size = BIO_get_mem_data(file, &data);
	SHA256((const unsigned char *)data, (size_t)size, making->context->trust);
	count = trust_all(making->context, file);
	BIO_free(file);
	return count > 0 || blame(making, path, "give a PEM file with the certificates of those"
	    " whom you trust");
}

static bool
set_trust(const struct making *making)
{
	struct tls_context *context = making->context;
	const struct tls_settings *settings = making->settings;
	int mode = SSL_VERIFY_NONE;

	context->demand = settings->demand;
	if (*settings->ca != '\0') {
		if (!trust_file(making))
			return false;
	} else if (!context->is_server && !settings->is_insecure &&
	    SSL_CTX_set_default_verify_paths(context->ssl) != 1) {
		return lack_memory(making);
	}
	if (context->is_server ? settings->demand != TLS_CERTIFICATE_NONE : !settings->is_insecure)
		mode = SSL_VERIFY_PEER;
	if (settings->demand == TLS_CERTIFICATE_REQUIRED)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(context->ssl, mode, NULL);
	return true;
}

/* --- tickets ------------------------------------------------------------------------- */

static bool
has_same_trust(const struct tls_context *a, const struct tls_context *b)
{
	return a->demand == b->demand && memcmp(a->trust, b->trust, sizeof(a->trust)) == 0;
}

static bool
set_tickets(const struct making *making, const struct tls_context *before)
{
	static const unsigned char id[] = "echod";
	struct tls_context *context = making->context;

	if (before != NULL && has_same_trust(context, before))
		context->tickets = tickets_hold(before->tickets);
	else
		context->tickets = tickets_new();
	SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF);
	return (context->tickets != NULL && tickets_serve(context->tickets, context->ssl) &&
	    SSL_CTX_set_session_id_context(context->ssl, id, sizeof(id)) == 1) ||
	    lack_memory(making);
}

/* --- making -------------------------------------------------------------------------- */

static bool
set_name(const struct making *making)
{
	struct tls_context *context = making->context;
	unsigned char address[16];
	const char *name = making->settings->name;

	if (name == NULL)
		return true;
	context->name = strdup(name);
	context->name_is_address = inet_pton(AF_INET, name, address) == 1 ||
	    inet_pton(AF_INET6, name, address) == 1;
	return context->name != NULL || lack_memory(making);
}

/* No session is worth 48 KB while it is silent. */
static void
set_modes(SSL_CTX *ssl)
{
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	/* Either would hide records without data: what is read ahead is gone through at once. */
	SSL_CTX_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_read_ahead(ssl, 0);
	SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
}

static bool
make_pairs(const struct making *making)
{
	struct tls_context *context = making->context;

	context->pairs = pairs_read(making->settings, making->text);
	if (context->pairs == NULL)
		return false;
	return pairs_serve(context->pairs, context->ssl) ||
	    blame(making, pairs_get(context->pairs, 0)->certificate,
	    "OpenSSL does not take it");
}

static struct tls_context *
make(struct making *making, bool is_server, const struct tls_context *before)
{
	struct tls_context *context = calloc(1, sizeof(*context));

	ERR_clear_error();
	errno = 0;
	if (context == NULL || !tls_initialise()) {
		lack_memory(making);
		free(context);
		return NULL;
	}
	making->context = context;
	atomic_init(&context->holders, 1);
	context->is_server = is_server;
	context->ssl = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
	if (context->ssl == NULL)
		lack_memory(making);
	else
		set_modes(context->ssl);
	if (context->ssl != NULL && make_pairs(making) && set_minimum(making) &&
	    set_ciphers(making) && set_groups(making) && set_alpn(making) &&
	    set_trust(making) && set_name(making) &&
	    (!is_server || set_tickets(making, before)))
		return context;
	tls_context_release(context);
	return NULL;
}

struct tls_context *
tls_context_new_server(const struct tls_settings *settings, const struct tls_context *before,
    char text[TLS_TEXT_SIZE])
{
	struct making making = { .settings = settings };

	making.text = text;
	return make(&making, true, before);
}

struct tls_context *
tls_context_new_client(const struct tls_settings *settings, char text[TLS_TEXT_SIZE])
{
	struct making making = { .settings = settings };

	making.text = text;
	return make(&making, false, NULL);
}

struct tls_context *
tls_context_hold(struct tls_context *context)
{
	if (context != NULL)
		atomic_fetch_add(&context->holders, 1);
	return context;
}

void
tls_context_release(struct tls_context *context)
{
	const int error = errno;

	if (context == NULL || atomic_fetch_sub(&context->holders, 1) != 1)
		return;
	SSL_CTX_free(context->ssl);
	pairs_free(context->pairs);
	tickets_release(context->tickets);
	free(context->alpn);
	free(context->name);
	free(context);
	errno = error;
}

/* --- what others may know ------------------------------------------------------------ */

const struct tls_pair *
tls_context_pair(const struct tls_context *context, size_t index)
{
	return pairs_get(context->pairs, index);
}

bool
tls_context_has(const struct tls_context *context, const struct tls_context *other, size_t index)
{
	return pairs_have(context->pairs, other->pairs, index);
}
