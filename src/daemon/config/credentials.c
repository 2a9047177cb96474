/* Certificates, keys and whom to trust: see credentials.h. */
#include "daemon/config/credentials.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "daemon/config/file.h"

/* A listener whose credentials are loaded. */
struct loading {
	struct listen_config *listen;
	const struct config *config;
	const struct config_source *source;
	struct place place;
	struct faults *faults;
};

/* --- what can be told without the files -------------------------------------------------- */

static void
check_pairs(const struct loading *loading)
{
	const struct listen_config *listen = loading->listen;
	const struct tls_config *options = &listen->tls_options;

	if (options->certificate.count == 0)
		faults_add_at(loading->faults, loading->place, "listener \"%s\": certificate is"
		    " missing: give certificate and key, here or in the section tls",
		    listen->name);
	else if (options->certificate.count != options->key.count)
		faults_add_at(loading->faults, loading->place, "listener \"%s\": certificate has"
		    " %zu files and key %zu: give the key of each certificate", listen->name,
		    options->certificate.count, options->key.count);
}

/* One that wants no certificates may be one of several listeners with the section's `client_ca`. */
static bool
is_left_over(const struct tls_config *options, const struct tls_config *section)
{
	return strcmp(options->client_ca, section->client_ca) != 0 ||
	    section->client_certificate == TLS_CERTIFICATE_NONE;
}

static void
check_trust(const struct loading *loading)
{
	const struct listen_config *listen = loading->listen;
	const struct tls_config *options = &listen->tls_options;
	const bool asks = options->client_certificate != TLS_CERTIFICATE_NONE;

	if (asks && *options->client_ca == '\0')
		faults_add_at(loading->faults, loading->place, "listener \"%s\": client_certificate"
		    " without client_ca verifies nobody: give client_ca the file of those who may"
		    " sign", listen->name);
	else if (!asks && *options->client_ca != '\0' && is_left_over(options, &loading->config->tls))
		faults_add_at(loading->faults, loading->place, "listener \"%s\": client_ca without"
		    " client_certificate has no effect: give client_certificate = \"optional\" or"
		    " \"required\" too", listen->name);
}

/* --- the files --------------------------------------------------------------------------- */

static const char *
begins(const char *text, const char *path)
{
	const size_t length = strlen(path);

	return length > 0 && strncmp(text, path, length) == 0 && text[length] == ':' ? path : NULL;
}

/* Returns the path of the file that `text` is about, or NULL. */
static const char *
file_of(const struct tls_config *options, const char *text)
{
	const struct string_list *const lists[] = { &options->certificate, &options->key };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (size_t j = 0; j < lists[i]->count; j++)
			if (begins(text, lists[i]->items[j]) != NULL)
				return lists[i]->items[j];
	return begins(text, options->client_ca);
}

/* `error` is why the file could not be read, or 0. */
static void
tell(const struct loading *loading, const char *text, int error)
{
	const struct listen_config *listen = loading->listen;
	const char *path = error == EACCES ? file_of(&listen->tls_options, text) : NULL;
	char reader[CONFIG_READER_SIZE];

	faults_blame(loading->faults, error);
	if (path == NULL)
		faults_add_at(loading->faults, loading->place, "listener \"%s\": %s", listen->name,
		    text);
	else
		faults_add_at(loading->faults, loading->place, "listener \"%s\": %s: %s%s",
		    listen->name, text, config_needs_reader(path, config_own_name(loading->source),
		    reader), CONFIG_HOW_TO_READ);
}

static struct tls_context *
make_context(const struct loading *loading, char text[TLS_TEXT_SIZE])
{
	const struct listen_config *listen = loading->listen;
	const struct tls_config *options = &listen->tls_options;
	const struct config *running = loading->source->running;
	const struct listen_config *before =
	    running != NULL ? config_find_listener(running, listen->name) : NULL;
	const struct tls_settings settings = {
		.certificates = (const char *const *)options->certificate.items,
		.keys = (const char *const *)options->key.items,
		.certificate_count = options->certificate.count,
		.key_count = options->key.count,
		.ca = options->client_ca,
		.minimum = options->minimum_version == 13 ? "1.3" : "1.2",
		.ciphers = options->ciphers,
		.groups = options->groups,
		.alpn = (const char *const *)options->alpn.items,
		.alpn_count = options->alpn.count,
		.demand = options->client_certificate,
	};

	return tls_context_new_server(&settings, before != NULL ? before->tls : NULL, text);
}

/* --- what they say ------------------------------------------------------------------------- */

static bool
is_presented(const struct config *running, const struct tls_context *context, size_t index)
{
	for (size_t i = 0; i < running->listen_count; i++)
		if (running->listen[i].tls != NULL &&
		    tls_context_has(running->listen[i].tls, context, index))
			return true;
	return false;
}

/*
 * A start with one that has ended still serves what it can; a reload would put it in the place
 * of one that is valid.
 */
static void
check_ends(const struct loading *loading)
{
	const struct tls_context *context = loading->listen->tls;
	const struct config *running = loading->source->running;
	const int64_t now = time(NULL);
	const struct tls_pair *pair;

	for (size_t i = 0; running != NULL && (pair = tls_context_pair(context, i)) != NULL; i++)
		if (pair->end < now && !is_presented(running, context, i))
			faults_add_at(loading->faults, loading->place, "listener \"%s\": %s: the"
			    " certificate has ended: give one that is valid",
			    loading->listen->name, pair->certificate);
}

static void
load_files(const struct loading *loading)
{
	const struct tls_config *options = &loading->listen->tls_options;
	char text[TLS_TEXT_SIZE];

	if (options->certificate.count == 0 || options->certificate.count != options->key.count)
		return;
	loading->listen->tls = make_context(loading, text);
	if (loading->listen->tls == NULL)
		tell(loading, text, errno);
	else
		check_ends(loading);
}

static void
load_one(const struct loading *loading, const struct config_places *places)
{
	if (!tls_is_built) {
		faults_add_at(loading->faults, loading->place, "listener \"%s\": protocol = \"%s\": this"
		    " echod was built without OpenSSL: give another protocol",
		    loading->listen->name, protocol_name(loading->listen->protocol));
		return;
	}
	if (places->whole && !places->lacks_tls) {
		check_pairs(loading);
		check_trust(loading);
	}
	load_files(loading);
}

/* Others go on without it. */
static void
load_or_leave_out(struct config *config, size_t index, struct loading *loading,
    const struct config_places *places)
{
	struct faults *faults = faults_new();

	if (faults == NULL) {
		faults_blame(loading->faults, ENOMEM);
		faults_add_at(loading->faults, loading->place, "%s", strerror(ENOMEM));
		return;
	}
	loading->faults = faults;
	load_one(loading, places);
	for (size_t i = 0; i < faults_count(faults); i++)
		log_error("%s; it is not served until a reload finds that right",
		    faults_get(faults, i));
	if (faults_count(faults) > 0)
		config_drop_listener(config, index);
	faults_free(faults);
}

void
credentials_load(struct config *config, const struct config_source *source,
    const struct config_places *places, struct faults *faults)
{
	for (size_t i = config->listen_count; i-- > 0;) {
		struct loading loading = {
			&config->listen[i], config, source, places->listen[i], faults,
		};

		if (loading.place.name == NULL || !protocol_is_secure(loading.listen->protocol))
			continue;
		if (source->text != NULL)
			load_or_leave_out(config, i, &loading, places);
		else
			load_one(&loading, places);
	}
}
