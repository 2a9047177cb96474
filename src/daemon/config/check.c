/* Checks across options: see check.h. */
#include "daemon/config/check.h"

#include <string.h>

#include "daemon/config/options.h"
#include "daemon/process/accounts.h"
#include "daemon/process/sandbox.h"

static struct place
place_of(const struct config_places *places, const char *name)
{
	return places->options[option_find("", name) - option_rows];
}

/* --- users and groups ---------------------------------------------------------- */

/*
 * `known` is one that was looked up, or NULL.  That the database does not answer is of the moment
 * and no fault of the file: a start as root, which needs it, fails later.  The error numbers by
 * which getpwnam_r(3) would have "there is none" are those of a service that is not there yet.
 */
static void
check_name(struct place place, struct faults *faults, const char *option, const char *value,
    const char *known, int (*function)(const char *, id_t *, bool *))
{
	bool found;

	if (*value == '\0' || (known != NULL && strcmp(value, known) == 0))
		return;
	if (function(value, NULL, &found) == 0 && !found)
		faults_add_at(faults, place,
		    "%s = \"%s\": no %s of this name: give one that exists, or \"\"",
		    option, value, strcmp(option, "owner") == 0 ? "user" : option);
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
	    "listener \"%s\" (%s) overlaps listener \"%s\" (%s)%s: give another %s",
	    b->name, endpoint_format_view(&of_b, uri_b), a->name,
	    endpoint_format_view(&of_a, uri_a), line,
	    protocol_has_ports(b->protocol) ? "address or port" : "path");
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

/* --- observe, take_over ------------------------------------------------------------- */

static struct place
place_in(const struct config_places *places, const char *section, const char *name)
{
	return places->options[option_find(section, name) - option_rows];
}

/* A name alone: what else a request may have is not compared. */
static bool
is_host_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
	                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

	return name[strspn(name, allowed)] == '\0';
}

/* That of `section`, which no listener may have as well. */
static void
check_endpoint(const struct config *config, const char *section,
    const struct endpoint_view *endpoint, struct place place, struct faults *faults)
{
	char uri[ENDPOINT_TEXT_SIZE], other[ENDPOINT_TEXT_SIZE];

	for (size_t i = 0; i < config->listen_count; i++) {
		const struct endpoint_view of_listener = config_endpoint(&config->listen[i]);

		if (of_listener.host == NULL || !endpoint_overlap(endpoint, &of_listener))
			continue;
		faults_add_at(faults, place, "%s (%s) overlaps listener \"%s\" (%s): give"
		    " another %s", section, endpoint_format_view(endpoint, uri),
		    config->listen[i].name, endpoint_format_view(&of_listener, other),
		    protocol_has_ports(endpoint->protocol) ? "address or port" : "path");
		return;
	}
}

static void
check_observe(const struct config *config, const struct config_places *places,
    struct faults *faults)
{
	const struct string_list *hosts = &config->observe.hosts;
	struct endpoint_view endpoints[CONFIG_OBSERVE_MAX];
	const size_t count = config_observe_endpoints(config, endpoints);

	for (size_t i = 0; places->whole && i < count; i++)
		check_endpoint(config, "observe", &endpoints[i], place_in(places, "observe",
		    protocol_has_ports(endpoints[i].protocol) ? "address" : "path"), faults);
	for (size_t i = 0; i < hosts->count; i++)
		if (!is_host_name(hosts->items[i]))
			faults_add_at(faults, place_in(places, "observe", "hosts"),
			    "observe.hosts = \"%s\": give a name of letters, digits, \"_\","
			    " \".\" and \"-\", without a port; addresses need none",
			    hosts->items[i]);
}

static void
check_take_over(const struct config *config, const struct config_places *places,
    struct faults *faults)
{
	const struct place place = place_in(places, "take_over", "path");
	struct endpoint_view endpoint;
	char uri[ENDPOINT_TEXT_SIZE];

	if (!places->whole || !config_take_over_endpoint(config, &endpoint))
		return;
	check_endpoint(config, "take_over", &endpoint, place, faults);
	if (strcmp(config->take_over.path, config->observe.path) == 0)
		faults_add_at(faults, place, "take_over (%s) overlaps observe: give another path",
		    endpoint_format_view(&endpoint, uri));
}

/* --- files of sockets --------------------------------------------------------------- */

/* An abstract name has no permissions: who is in its network namespace may connect. */
static void
check_files(const struct config *config, const struct config *running,
    const struct config_places *places, struct faults *faults)
{
	for (size_t i = 0; i < config->listen_count; i++) {
		const struct listen_config *listen = &config->listen[i];
		const struct listen_config *before =
		    running != NULL ? config_find_listener(running, listen->name) : NULL;
		const struct place place = places->listen[i];

		if (place.name == NULL || protocol_has_ports(listen->protocol))
			continue;
		check_name(place, faults, "owner", listen->owner,
		    before != NULL ? before->owner : NULL, accounts_find_user);
		check_name(place, faults, "group", listen->group,
		    before != NULL ? before->group : NULL, accounts_find_group);
		if (unix_name_is_abstract(listen->path) &&
		    (*listen->owner != '\0' || *listen->group != '\0'))
			faults_add_at(faults, place, "listener \"%s\": an abstract name has no owner"
			    " and no group: leave them out, or give a path", listen->name);
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
		else if (listen->proxy_protocol && listen->trusted_proxies.count == 0 &&
		    protocol_has_ports(listen->protocol))
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

/* Where all others are one user, a rule about it would be about all of them. */
static void
check_users(const struct rule_list *rules, const char *name, const struct config_places *places,
    struct faults *faults)
{
	const struct place place = places->options[option_find("access", name) - option_rows];
	char text[RULE_TEXT_SIZE];

	for (size_t i = 0; i < rules->count; i++)
		if (rules->items[i].is_user)
			faults_add_at(faults, place, "access.%s = %s: this process cannot tell one"
			    " user from another, as with PrivateUsers=: leave it out, or give it all"
			    " users", name, rule_format(&rules->items[i], text));
}

static void
check_access(const struct config *config, const struct config_places *places,
    struct faults *faults)
{
	const struct rule_list *allow = &config->access.allow, *deny = &config->access.deny;
	const struct place place = places->options[option_find("access", "deny") - option_rows];
	char text[RULE_TEXT_SIZE];

	for (size_t i = 0; i < deny->count; i++)
		for (size_t j = 0; j < allow->count; j++)
			if (rule_equal(&deny->items[i], &allow->items[j]))
				faults_add_at(faults, place, "access.deny = %s: access.allow has it"
				    " too: give it in one of them",
				    rule_format(&deny->items[i], text));
	if (accounts_are_whole())
		return;
	check_users(allow, "allow", places, faults);
	check_users(deny, "deny", places, faults);
}

void
config_check(const struct config *config, const struct config *running,
    const struct config_places *places, struct faults *faults)
{
	const enum event_method method = config->event_method;

	check_name(place_of(places, "user"), faults, "user", config->user,
	    running != NULL ? running->user : NULL, accounts_find_user);
	check_name(place_of(places, "group"), faults, "group", config->group,
	    running != NULL ? running->group : NULL, accounts_find_group);
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
	check_files(config, running, places, faults);
	check_proxies(config, places, faults);
	check_greetings(config, places, faults);
	check_observe(config, places, faults);
	check_take_over(config, places, faults);
	check_overlaps(config, places, faults);
}
