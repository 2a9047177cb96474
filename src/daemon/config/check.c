/* Checks across options: see check.h. */
#include "daemon/config/check.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/options.h"
#include "daemon/process/sandbox.h"

/* An entry of the user or group database that needs more is broken. */
#define DATABASE_ENTRY_MAX ((size_t)1024 * 1024)

static struct place
place_of(const struct config_places *places, const char *name)
{
	return places->options[option_find("", name) - option_rows];
}

/* --- users and groups ---------------------------------------------------------- */

/* Each returns 0 or an error number, and whether there is such a name in *found. */
static int
look_up_user(const char *name, char *buffer, size_t size, bool *found)
{
	struct passwd user, *result;
	const int failure = getpwnam_r(name, &user, buffer, size, &result);

	*found = result != NULL;
	return failure;
}

static int
look_up_group(const char *name, char *buffer, size_t size, bool *found)
{
	struct group group, *result;
	const int failure = getgrnam_r(name, &group, buffer, size, &result);

	*found = result != NULL;
	return failure;
}

static int
look_up(int (*function)(const char *, char *, size_t, bool *), const char *name, bool *found)
{
	size_t size = 1024;
	int failure = ERANGE;

	*found = false;
	for (; failure == ERANGE && size <= DATABASE_ENTRY_MAX; size *= 2) {
		char *buffer = malloc(size);

		if (buffer == NULL)
			return ENOMEM;
		failure = function(name, buffer, size, found);
		free(buffer);
	}
	return failure;
}

/*
 * `known` is one that was looked up, or NULL.  That the database does not answer is of the moment
 * and no fault of the file: a start as root, which needs it, fails later.  The error numbers by
 * which getpwnam_r(3) would have "there is none" are those of a service that is not there yet.
 */
static void
check_name(const struct config_places *places, struct faults *faults, const char *option,
    const char *value, const char *known, int (*function)(const char *, char *, size_t, bool *))
{
	bool found;

	if (*value == '\0' || (known != NULL && strcmp(value, known) == 0))
		return;
	if (look_up(function, value, &found) == 0 && !found)
		faults_add_at(faults, place_of(places, option),
		    "%s = \"%s\": no %s of this name: give one that exists, or \"\"",
		    option, value, option);
}

/* --- listeners -------------------------------------------------------------------- */

/* Each listener is compared with each: a file has at most CONFIG_SECTIONS_MAX of them. */
static bool
overlap(const struct listen_config *a, const struct listen_config *b)
{
	const struct endpoint_view of_a = config_endpoint(a), of_b = config_endpoint(b);

	return endpoint_overlap(&of_a, &of_b);
}

static void
tell_overlap(const struct listen_config *a, struct place at_a, const struct listen_config *b,
    struct place at_b, struct faults *faults)
{
	const struct endpoint_view of_a = config_endpoint(a), of_b = config_endpoint(b);
	char uri_a[ENDPOINT_TEXT_SIZE], uri_b[ENDPOINT_TEXT_SIZE], line[32] = "";

	if (at_a.line != 0)
		snprintf(line, sizeof(line), " of line %d", at_a.line);
	faults_add_at(faults, at_b,
	    "listener \"%s\" (%s) overlaps listener \"%s\" (%s)%s: give another address or port",
	    b->name, endpoint_format_view(&of_b, uri_b), a->name,
	    endpoint_format_view(&of_a, uri_a), line);
}

static void
check_overlaps(const struct config *config, const struct config_places *places,
    struct faults *faults)
{
	for (size_t i = 1; i < config->listen_count; i++)
		for (size_t j = 0; j < i; j++) {
			const struct listen_config *a = &config->listen[j], *b = &config->listen[i];

			if (places->listen[j].name == NULL || places->listen[i].name == NULL ||
			    !overlap(a, b))
				continue;
			tell_overlap(a, places->listen[j], b, places->listen[i], faults);
			break;
		}
}

/* --- proxies ------------------------------------------------------------------------ */

static void
check_proxies(const struct config *config, const struct config_places *places,
    struct faults *faults)
{
	for (size_t i = 0; i < config->listen_count; i++) {
		const struct listen_config *listen = &config->listen[i];
		const struct place place = places->listen[i];

		if (!places->whole || place.name == NULL)
			continue;
		if (listen->proxy_protocol && !protocol_is_stream(listen->protocol))
			faults_add_at(faults, place, "listener \"%s\": proxy_protocol is for"
			    " connections: give protocol = \"%s\", or leave it out", listen->name,
			    protocol_name(protocol_default()));
		else if (listen->proxy_protocol && listen->trusted_proxies.count == 0)
			faults_add_at(faults, place, "listener \"%s\": anybody may lie about who"
			    " connects: give trusted_proxies the addresses of the proxies",
			    listen->name);
		else if (!listen->proxy_protocol && listen->trusted_proxies.count > 0)
			faults_add_at(faults, place, "listener \"%s\": trusted_proxies without"
			    " proxy_protocol has no effect: give proxy_protocol = true too",
			    listen->name);
	}
}

/* --- greetings ---------------------------------------------------------------------- */

static void
check_greetings(const struct config *config, const struct config_places *places,
    struct faults *faults)
{
	for (size_t i = 0; i < config->listen_count; i++) {
		const struct listen_config *listen = &config->listen[i];

		if (!places->whole || places->listen[i].name == NULL ||
		    protocol_is_stream(listen->protocol) || *listen->greeting == '\0')
			continue;
		faults_add_at(faults, places->listen[i], "listener \"%s\": greeting is for"
		    " connections: give protocol = \"%s\", or leave it out", listen->name,
		    protocol_name(protocol_default()));
	}
}

/* --- access lists ------------------------------------------------------------------ */

static void
check_access(const struct config *config, const struct config_places *places,
    struct faults *faults)
{
	const struct prefix_list *allow = &config->access.allow, *deny = &config->access.deny;
	const struct place place = places->options[option_find("access", "deny") - option_rows];
	char text[PREFIX_TEXT_SIZE];

	for (size_t i = 0; i < deny->count; i++)
		for (size_t j = 0; j < allow->count; j++)
			if (prefix_equal(&deny->items[i], &allow->items[j]))
				faults_add_at(faults, place, "access.deny = %s: access.allow has it"
				    " too: give it in one of them",
				    prefix_format(&deny->items[i], text));
}

void
config_check(const struct config *config, const struct config *running,
    const struct config_places *places, struct faults *faults)
{
	const enum event_method method = config->event_method;

	check_name(places, faults, "user", config->user, running != NULL ? running->user : NULL,
	    look_up_user);
	check_name(places, faults, "group", config->group, running != NULL ? running->group : NULL,
	    look_up_group);
	if (places->whole && *config->group != '\0' && *config->user == '\0')
		faults_add_at(faults, place_of(places, "group"),
		    "group = \"%s\" without a user has no effect: give user too", config->group);
	if (config->sandbox == SANDBOX_TRUE && !sandbox_built)
		faults_add_at(faults, place_of(places, "sandbox"),
		    "sandbox = \"true\": this echod was built without libseccomp: give \"auto\" or"
		    " \"false\"");
	if (config->edge_triggered &&
	    (method == EVENT_METHOD_POLL || method == EVENT_METHOD_SELECT))
		faults_add_at(faults, place_of(places, "edge_triggered"),
		    "edge_triggered = true: event_method \"%s\" has no edges: give \"epoll\", or"
		    " edge_triggered = false", event_method_name(method));
	check_access(config, places, faults);
	check_proxies(config, places, faults);
	check_greetings(config, places, faults);
	check_overlaps(config, places, faults);
}
