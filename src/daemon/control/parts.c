/* What a configuration changes, part by part: see parts.h. */
#include "daemon/control/parts.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/control/gauges.h"
#include "daemon/control/hand_over.h"
#include "daemon/control/server_internal.h"
#include "daemon/control/take_over.h"
#include "daemon/handover/deposit.h"
#include "daemon/observe/listener_room.h"
#include "daemon/process/cpus.h"
#include "daemon/process/descriptors.h"

#define MILLISECONDS INT64_C(1000)
#define MEBIBYTE UINT64_C(1048576)

/* --- descriptors ---------------------------------------------------------------------- */

static size_t
workers_wanted(const struct config *config)
{
	return config->workers > 0 ? (size_t)config->workers : cpus_usable();
}

/* The back end is that of the start: select(2) keeps its ceiling whatever a file says later. */
static bool
is_for_select(const struct server *server, const struct config *next)
{
	const struct config *config = server->config != NULL ? server->config : next;

	return config->event_method == EVENT_METHOD_SELECT;
}

static struct http_places
observe_places(const struct config *config)
{
	struct http_places places = { .mode = (mode_t)config->observe.mode };

	places.count = config_observe_endpoints(config, places.endpoints);
	return places;
}

/* A limit that was raised for a reload that fails then harms nobody. */
static bool
prepare_descriptors(struct server *server, const struct config *next, struct faults *faults)
{
	struct descriptors_need need = {
		.connections = (size_t)next->limits.connections,
		.workers = server->workers != NULL ? workers_count(server->workers)
		    : workers_wanted(next),
		.inherited = server->inherited->count,
		.others = DEPOSIT_FDS,
	};

	(void)faults;
	for (size_t i = 0; i < next->listen_count; i++) {
		if (protocol_is_stream(next->listen[i].protocol))
			need.stream_listeners++;
		else
			need.datagram_listeners++;
	}
	need.stream_listeners += observe_places(next).count;
	if (observe_places(next).count > 0)
		need.others += HTTP_SLOTS;
	if (*next->take_over.path != '\0')
		need.others += HAND_OVER_FDS;
	server->next.connections = descriptors_make_room(is_for_select(server, next), &need);
	return true;
}

static void
commit_descriptors(struct server *server, const struct config *next)
{
	server->admission.wanted = (uint64_t)next->limits.connections;
	server->admission.limit = server->next.connections;
}

/* --- workers, and what they carry ----------------------------------------------------- */

static bool
make_workers(struct server *server, const struct config *config)
{
	const struct loop_settings settings = { config->event_method, config->edge_triggered };
	const size_t count = workers_wanted(config);

	server->workers = workers_new(count, &settings, server->inbox);
	if (server->workers == NULL)
		return false;
	server->admission.workers = server->workers;
	server->crowds = crowds_new(server->workers, server_settle);
	server->batches = batches_new(count);
	server->guard = guard_new();
	server->census = census_new(count);
	if (server->crowds == NULL || server->batches == NULL || server->guard == NULL ||
	    server->census == NULL)
		return false;
	gauges_register(server);
	server->worker_room = worker_room_new(server->census, server->workers, server->crowds);
	server->telling = telling_new(server->base, server->census);
	server->summary = summary_new(server->census, worker_loop(workers_get(server->workers, 0)));
	return server->worker_room != NULL && server->telling != NULL && server->summary != NULL;
}

/* They are made once, and freed with the server. */
static bool
prepare_workers(struct server *server, const struct config *next, struct faults *faults)
{
	if (server->workers != NULL || make_workers(server, next))
		return true;
	faults_add(faults, "cannot make workers: %s", strerror(errno));
	return false;
}

static void
commit_workers(struct server *server, const struct config *next)
{
	const struct crowd_limits limits = {
		.idle = next->limits.idle_timeout * MILLISECONDS,
		.write = next->limits.write_timeout * MILLISECONDS,
		.lifetime = next->limits.lifetime * MILLISECONDS,
		.bandwidth = next->limits.bandwidth_per_connection,
		.handshake = next->limits.handshake_timeout * MILLISECONDS,
		.handshakes = (size_t)next->limits.handshakes,
		.stalled = (size_t)next->limits.stalled_connections,
		.blocked_memory = (uint64_t)next->limits.blocked_memory * MEBIBYTE,
	};

	crowds_set_limits(server->crowds, &limits);
}

/* --- who may connect -------------------------------------------------------------------- */

static bool
prepare_access(struct server *server, const struct config *next, struct faults *faults)
{
	if (server->admission.sources == NULL)
		server->admission.sources = sources_new();
	if (server->preambles == NULL)
		server->preambles = preambles_new(server->base, &server->admission);
	if (server->admission.sources != NULL && server->preambles != NULL)
		server->next.acl = acl_new(&next->access.allow, &next->access.deny);
	if (server->next.acl != NULL)
		return true;
	faults_add(faults, "cannot make the access list: %s", strerror(errno));
	return false;
}

static void
commit_access(struct server *server, const struct config *next)
{
	acl_release(server->admission.acl);
	server->admission.acl = server->next.acl;
	server->next.acl = NULL;
	gethostname(server->admission.host, sizeof(server->admission.host) - 1);
	preambles_set_timeout(server->preambles, next->limits.preamble_timeout * MILLISECONDS);
	sources_set_limits(server->admission.sources, next->limits.connections_per_source,
	    next->limits.connection_rate_per_source);
}

static void
roll_back_access(struct server *server)
{
	acl_release(server->next.acl);
	server->next.acl = NULL;
}

/* --- the log ------------------------------------------------------------------------------ */

static void
commit_log(struct server *server, const struct config *next)
{
	(void)server;
	log_open(&next->log);
}

/* --- certificates ------------------------------------------------------------------------- */

static bool
prepare_certificates(struct server *server, const struct config *next, struct faults *faults)
{
	if (server->certificates == NULL)
		server->certificates = certificates_new(server->base, server->census);
	if (server->certificates != NULL && certificates_prepare(server->certificates, next))
		return true;
	faults_add(faults, "cannot watch certificates: %s", strerror(errno));
	return false;
}

static void
commit_certificates(struct server *server, const struct config *next)
{
	certificates_commit(server->certificates, server->config, next);
}

/* --- listeners ---------------------------------------------------------------------------- */

static bool
make_listeners(struct server *server)
{
	const struct listener_context context = {
		.base = server->base,
		.admission = &server->admission,
		.preambles = server->preambles,
		.crowds = server->crowds,
		.batches = server->batches,
		.guard = server->guard,
		.census = server->census,
		.inherited = server->inherited,
	};

	server->listeners = listeners_new(&context);
	if (server->listeners == NULL)
		return false;
	listener_room_register(&server->listener_room, server->census, server->listeners);
	return true;
}

static bool
prepare_listeners(struct server *server, const struct config *next, struct faults *faults)
{
	const bool is_first = server->listeners == NULL;

	if (is_first && !make_listeners(server)) {
		faults_add(faults, "cannot make listeners: %s", strerror(errno));
		return false;
	}
	if (is_first && !take_over_listeners(server, faults))
		return false;
	return listeners_prepare(server->listeners, next, faults) == 0;
}

static void
roll_back_listeners(struct server *server)
{
	listeners_roll_back(server->listeners);
}

/* --- observe ------------------------------------------------------------------------------ */

static void
register_process(struct server *server)
{
	const struct process_parts parts = {
		.admission = &server->admission,
		.listeners = server->listeners,
		.http = server->http,
		.http_listeners = server->http_listeners,
		.started = server->condition.started,
	};

	process_room_register(&server->process_room, server->census, &parts);
}

static struct gather *
make_gather(const struct server *server)
{
	const struct gathered gathered = {
		.base = server->base,
		.workers = server->workers,
		.crowds = server->crowds,
		.census = server->census,
		.sources = server->admission.sources,
	};

	return gather_new(&gathered);
}

/* They are made once, and freed with the server. */
static bool
make_observe(struct server *server)
{
	if (server->http_listeners != NULL)
		return true;
	server->http = http_server_new(server->base, pages, page_count, &server->observed);
	if (server->http == NULL)
		return false;
	server->gather = make_gather(server);
	if (server->gather == NULL)
		return false;
	server->http_listeners = http_listeners_new(server->base, server->http, server->inherited,
	    server->listeners);
	if (server->http_listeners == NULL)
		return false;
	register_process(server);
	return true;
}

static bool
prepare_observe(struct server *server, const struct config *next, struct faults *faults)
{
	const struct http_places places = observe_places(next);
	const bool is_first = server->http_listeners == NULL;
	bool is_made = make_observe(server);

	if (is_made && is_first && !take_over_http_listeners(server, faults))
		return false;
	if (is_made && places.count > 0 && server->history == NULL) {
		server->next.history = history_new(server->base, server->census);
		is_made = server->next.history != NULL;
	}
	if (is_made && http_listeners_prepare(server->http_listeners, &places, faults) == 0)
		return true;
	if (!is_made)
		faults_add(faults, "cannot make the HTTP server of observe: %s", strerror(errno));
	history_free(server->next.history);
	server->next.history = NULL;
	return false;
}

static void
commit_observe(struct server *server, const struct config *next)
{
	const struct string_list *hosts = &next->observe.hosts;
	const struct http_names names = {
		server->admission.host, (const char *const *)hosts->items, hosts->count,
	};

	if (server->next.history != NULL || observe_places(next).count == 0) {
		history_free(server->history);
		server->history = server->next.history;
		server->next.history = NULL;
	}
	server->condition.configured = time(NULL);
	server->observed = (struct observed){
		.condition = &server->condition,
		.census = server->census,
		.workers = server->workers,
		.listeners = server->listeners,
		.admission = &server->admission,
		.history = server->history,
		.gather = server->gather,
	};
	gather_allow(server->gather, next->observe.peers);
	http_server_set_names(server->http, &names);
	http_listeners_commit(server->http_listeners);
}

static void
roll_back_observe(struct server *server)
{
	http_listeners_roll_back(server->http_listeners);
	history_free(server->next.history);
	server->next.history = NULL;
}

/* --- all of them ---------------------------------------------------------------------------- */

/* In the order in which they need each other; the listeners are committed last of all. */
static const struct part {
	bool (*prepare)(struct server *server, const struct config *next, struct faults *faults);
	void (*commit)(struct server *server, const struct config *next);
	void (*roll_back)(struct server *server);
} parts[] = {
	{ prepare_descriptors, commit_descriptors, NULL },
	{ prepare_workers, commit_workers, NULL },
	{ prepare_access, commit_access, roll_back_access },
	{ NULL, commit_log, NULL },
	{ prepare_certificates, commit_certificates, NULL },
	{ prepare_listeners, NULL, roll_back_listeners },
	{ prepare_observe, commit_observe, roll_back_observe },
	{ hand_over_prepare, hand_over_commit, hand_over_roll_back },
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static void
roll_back(struct server *server, size_t count)
{
	while (count-- > 0)
		if (parts[count].roll_back != NULL)
			parts[count].roll_back(server);
}

bool
parts_prepare(struct server *server, const struct config *next, struct faults *faults)
{
	for (size_t i = 0; i < PARTS; i++)
		if (parts[i].prepare != NULL && !parts[i].prepare(server, next, faults)) {
			roll_back(server, i);
			return false;
		}
	return true;
}

void
parts_roll_back(struct server *server)
{
	roll_back(server, PARTS);
}

static void
warn_fixed(const char *option, const char *running, const char *next)
{
	log_warning("%s = %s needs a restart: %s stays in force", option, next, running);
}

static bool
is_on_loopback(const struct endpoint_view *endpoint)
{
	const struct endpoint_cover cover = endpoint_cover(endpoint);
	bool is_all = cover.count > 0;

	for (size_t i = 0; i < cover.count; i++)
		is_all = is_all && address_is_loopback(&cover.addresses[i]);
	return is_all;
}

/* Who forges a source has it sent what it never asked for. */
static void
warn_of_open_datagrams(const struct config *config)
{
	char uri[ENDPOINT_TEXT_SIZE];

	if (rules_have(&config->access.allow, false))
		return;
	for (size_t i = 0; i < config->listen_count; i++) {
		const struct listen_config *listen = &config->listen[i];
		const struct endpoint_view endpoint = config_endpoint(listen);

		if (!protocol_is_stream(listen->protocol) && !is_on_loopback(&endpoint))
			log_warning("access.allow has no prefix, and datagrams are answered whatever source"
			    " they claim: listener=%s uri=%s", listen->name,
			    endpoint_format_view(&endpoint, uri));
	}
}

static void
warn_of_open_observe(const struct config *config)
{
	const struct http_places places = observe_places(config);
	char uri[ENDPOINT_TEXT_SIZE];

	for (size_t i = 0; i < places.count; i++)
		if (protocol_has_ports(places.endpoints[i].protocol) &&
		    !is_on_loopback(&places.endpoints[i]))
			log_warning("observe has no password, and others than this host may ask: uri=%s",
			    endpoint_format_view(&places.endpoints[i], uri));
}

static void
log_change(const struct config_change *change)
{
	if (change->is_set)
		log_notice("option changed: name=%s added=%s removed=%s", change->name, change->to,
		    change->from);
	else
		log_notice("option changed: name=%s from=%s to=%s", change->name, change->from,
		    change->to);
}

struct listeners_change
parts_commit(struct server *server, struct config *next)
{
	struct listeners_change change;

	if (server->config != NULL) {
		config_keep_fixed(next, server->config, warn_fixed);
		config_tell_changes(server->config, next, log_change);
	}
	for (size_t i = 0; i < PARTS; i++)
		if (parts[i].commit != NULL)
			parts[i].commit(server, next);
	change = listeners_commit(server->listeners, next);
	listeners_resume(server->listeners);
	warn_of_open_datagrams(next);
	warn_of_open_observe(next);
	config_free(server->config);
	server->config = next;
	return change;
}
