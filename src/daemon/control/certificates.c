/* What is to be known of certificates: see certificates.h. */
#include "daemon/control/certificates.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/threads/loop.h"

#define DAY INT64_C(86400) /* seconds */

/* How many days before its end a certificate is a notice, and a warning. */
#define NOTICE_DAYS 30
#define WARNING_DAYS 7

/* Of the listeners that speak TLS: when the first of the certificates of each ends. */
struct ends {
	const char **names; /* the configuration's */
	int64_t *ends;
	size_t count;
};

struct certificates {
	const struct config *config; /* in force; NULL: none yet */
	struct ends now, next;
	struct census_room room;
	struct event *tick;
};

/* --- all of them ------------------------------------------------------------------------ */

/* What is done to each certificate, and the listener that presents it. */
typedef void told(const struct listen_config *listen, size_t index,
    const struct tls_pair *pair, const void *arg);

static void
visit(const struct config *config, told *tell, const void *arg)
{
	const struct tls_pair *pair;

	for (size_t i = 0; i < config->listen_count; i++) {
		const struct listen_config *listen = &config->listen[i];

		for (size_t j = 0; listen->tls != NULL &&
		    (pair = tls_context_pair(listen->tls, j)) != NULL; j++)
			tell(listen, j, pair, arg);
	}
}

/* --- the log ---------------------------------------------------------------------------- */

#define TIME_SIZE 32

/* As in RFC 3339, in UTC. */
static const char *
format_time(int64_t seconds, char text[TIME_SIZE])
{
	const time_t time = (time_t)seconds;
	struct tm tm;

	if (gmtime_r(&time, &tm) == NULL || strftime(text, TIME_SIZE, "%FT%TZ", &tm) == 0)
		text[0] = '\0';
	return text;
}

static void
tell_time(const struct listen_config *listen, size_t index, const struct tls_pair *pair,
    const void *arg)
{
	const int64_t now = *(const int64_t *)arg, days = (pair->end - now) / DAY;
	char text[TIME_SIZE];

	(void)index;
	if (pair->end < now)
		log_warning("certificate has ended: listener=%s file=%s end=%s", listen->name,
		    pair->certificate, format_time(pair->end, text));
	else if (days < NOTICE_DAYS)
		log_at(days < WARNING_DAYS ? LOG_WARNING : LOG_NOTICE,
		    "certificate ends soon: listener=%s file=%s end=%s days=%d", listen->name,
		    pair->certificate, format_time(pair->end, text), (int)days);
	if (pair->begin > now)
		log_warning("certificate is not valid yet: listener=%s file=%s begin=%s",
		    listen->name, pair->certificate, format_time(pair->begin, text));
}

static void
tell_key(const struct listen_config *listen, size_t index, const struct tls_pair *pair,
    const void *arg)
{
	(void)index;
	(void)arg;
	if (pair->key_is_open)
		log_warning("all users may read the key: listener=%s file=%s", listen->name,
		    pair->key);
}

static void
tell_change(const struct listen_config *listen, size_t index, const struct tls_pair *pair,
    const void *arg)
{
	const struct config *running = arg;
	const struct listen_config *before = config_find_listener(running, listen->name);
	char text[TIME_SIZE];

	if (before != NULL && before->tls != NULL &&
	    !tls_context_has(before->tls, listen->tls, index))
		log_notice("certificate changed: listener=%s file=%s end=%s", listen->name,
		    pair->certificate, format_time(pair->end, text));
}

static void
tell_times(const struct config *config)
{
	const int64_t now = time(NULL);

	visit(config, tell_time, &now);
}

void
certificates_tell(const struct config *config)
{
	tell_times(config);
	visit(config, tell_key, NULL);
}

/* --- who may read them ---------------------------------------------------------------------- */

static void
warn_of_file(const char *path, const struct config *config)
{
	char reader[CONFIG_READER_SIZE];

	if (access(path, R_OK) == -1 && errno == EACCES)
		log_warning("%s: a reload will fail: %s%s", path,
		    config_needs_reader(path, config->user, reader), CONFIG_HOW_TO_READ);
}

/* Files that an earlier listener has too were told already, as a rule: those of the section. */
static bool
is_told(const struct config *config, size_t index, const char *path)
{
	const struct tls_pair *pair;

	for (size_t i = 0; i < index; i++)
		for (size_t j = 0; config->listen[i].tls != NULL &&
		    (pair = tls_context_pair(config->listen[i].tls, j)) != NULL; j++)
			if (strcmp(pair->certificate, path) == 0 || strcmp(pair->key, path) == 0)
				return true;
	return false;
}

static void
warn_of_listener(const struct config *config, size_t index)
{
	const struct tls_config *options = &config->listen[index].tls_options;

	for (size_t i = 0; i < options->certificate.count; i++)
		if (!is_told(config, index, options->certificate.items[i]))
			warn_of_file(options->certificate.items[i], config);
	for (size_t i = 0; i < options->key.count; i++)
		if (!is_told(config, index, options->key.items[i]))
			warn_of_file(options->key.items[i], config);
	if (*options->client_ca != '\0')
		warn_of_file(options->client_ca, config);
}

void
certificates_warn_of_unreadable(const struct config *config)
{
	for (size_t i = 0; i < config->listen_count; i++)
		if (config->listen[i].tls != NULL)
			warn_of_listener(config, i);
}

/* --- the census --------------------------------------------------------------------------- */

static uint64_t
read_end(const void *of, size_t index)
{
	const struct certificates *certificates = of;

	return (uint64_t)certificates->now.ends[index];
}

static const char *
name_of_end(const void *of, size_t index)
{
	const struct certificates *certificates = of;

	return index < certificates->now.count ? certificates->now.names[index] : NULL;
}

static const struct census_row row = {
	.family = { .name = "echod_certificate_end_seconds",
	    .help = "When the first certificate of the listener ends, in seconds since 1970.",
	    .type = FAMILY_GAUGE, .label = "listener" },
	.read = read_end, .value = name_of_end,
};

static void
free_ends(struct ends *ends)
{
	free(ends->names);
	free(ends->ends);
	*ends = (struct ends){ NULL, NULL, 0 };
}

static void
add_end(struct ends *ends, const struct listen_config *listen)
{
	const struct tls_pair *pair;
	int64_t first = INT64_MAX;

	for (size_t i = 0; (pair = tls_context_pair(listen->tls, i)) != NULL; i++)
		if (pair->end < first)
			first = pair->end;
	ends->names[ends->count] = listen->name;
	ends->ends[ends->count] = first > 0 ? first : 0;
	ends->count++;
}

bool
certificates_prepare(struct certificates *certificates, const struct config *config)
{
	struct ends *next = &certificates->next;

	free_ends(next);
	next->names = calloc(config->listen_count + 1, sizeof(*next->names));
	next->ends = calloc(config->listen_count + 1, sizeof(*next->ends));
	if (next->names == NULL || next->ends == NULL)
		return false;
	for (size_t i = 0; i < config->listen_count; i++)
		if (config->listen[i].tls != NULL)
			add_end(next, &config->listen[i]);
	return true;
}

void
certificates_commit(struct certificates *certificates, const struct config *running,
    const struct config *config)
{
	free_ends(&certificates->now);
	certificates->now = certificates->next;
	certificates->next = (struct ends){ NULL, NULL, 0 };
	certificates->config = config;
	if (running != NULL)
		visit(config, tell_change, running);
	certificates_tell(config);
}

/* --- life --------------------------------------------------------------------------------- */

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct certificates *certificates = arg;

	(void)fd;
	(void)what;
	if (certificates->config != NULL)
		tell_times(certificates->config);
	loop_set_timer(certificates->tick, DAY * 1000);
}

struct certificates *
certificates_new(struct event_base *base, struct census *census)
{
	struct certificates *certificates = calloc(1, sizeof(*certificates));

	if (certificates == NULL)
		return NULL;
	certificates->tick = evtimer_new(base, on_tick, certificates);
	if (certificates->tick == NULL) {
		free(certificates);
		errno = ENOMEM;
		return NULL;
	}
	certificates->room.rows = &row;
	certificates->room.count = 1;
	certificates->room.of = certificates;
	census_register(census, &certificates->room);
	loop_set_timer(certificates->tick, DAY * 1000);
	return certificates;
}

void
certificates_free(struct certificates *certificates)
{
	if (certificates == NULL)
		return;
	event_free(certificates->tick);
	free_ends(&certificates->now);
	free_ends(&certificates->next);
	free(certificates);
}
