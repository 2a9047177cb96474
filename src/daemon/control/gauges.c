/* What the server itself has to tell: see gauges.h. */
#include "daemon/control/gauges.h"

#include "base/log.h"
#include "daemon/control/server_internal.h"

static uint64_t
read_build(const void *of, size_t index)
{
	(void)of;
	(void)index;
	return 1;
}

static uint64_t
read_reloads(const void *of, size_t index)
{
	const struct server *server = of;

	return index == 0 ? server->reloads_succeeded : server->reloads_failed;
}

static uint64_t
read_hand_overs(const void *of, size_t index)
{
	const struct server *server = of;

	return index == 0 ? server->hand_overs.succeeded : server->hand_overs.failed;
}

static uint64_t
read_service_started(const void *of, size_t index)
{
	const struct server *server = of;

	(void)index;
	return (uint64_t)server->condition.service_started;
}

static uint64_t
read_suppressed(const void *of, size_t index)
{
	(void)of;
	(void)index;
	return log_suppressed();
}

static uint64_t
read_limit(const void *of, size_t index)
{
	const struct server *server = of;

	(void)index;
	return server->admission.limit;
}

static uint64_t
read_draining(const void *of, size_t index)
{
	const struct server *server = of;

	(void)index;
	return server->draining;
}

static uint64_t
read_restarting(const void *of, size_t index)
{
	const struct server *server = of;

	(void)index;
	return server->restart.is_under_way;
}

static uint64_t
read_last_succeeded(const void *of, size_t index)
{
	const struct server *server = of;

	(void)index;
	return server->condition.fault[0] == '\0';
}

static uint64_t
read_loaded(const void *of, size_t index)
{
	const struct server *server = of;

	(void)index;
	return (uint64_t)server->condition.configured;
}

static const char *const versions[] = { PACKAGE_VERSION };
static const char *const results[] = { "success", "failure" };

#define GAUGE(called, said) .family = { .name = (called), .help = (said), .type = FAMILY_GAUGE }

static const struct census_row rows[] = {
	{ .family = { .name = "echod_build_info", .help = "Always 1.", .type = FAMILY_GAUGE,
	      .label = "version", .values = versions, .count = 1 }, .read = read_build },
	{ GAUGE("echod_draining", "1 in a drain, else 0."), .read = read_draining },
	{ GAUGE("echod_restarting", "1 while what cannot be handed over ends first, else 0."),
	  .read = read_restarting },
	{ .family = { .name = "echod_reloads_total", .help = "Reloads.", .type = FAMILY_COUNTER,
	      .label = "result", .values = results, .count = 2 }, .read = read_reloads },
	{ .family = { .name = "echod_hand_overs_total",
	      .help = "Times that a successor took over, or failed to.", .type = FAMILY_COUNTER,
	      .label = "result", .values = results, .count = 2 }, .read = read_hand_overs },
	{ GAUGE("echod_service_start_time_seconds",
	      "When the first of the processes that took over from each other started, in seconds "
	      "since 1970."), .read = read_service_started },
	{ GAUGE("echod_config_last_reload_successful",
	      "1 where the last reload succeeded, or there was none, else 0."),
	  .read = read_last_succeeded },
	{ GAUGE("echod_config_last_reload_success_timestamp_seconds",
	      "When the configuration in force was read, in seconds since 1970."),
	  .read = read_loaded },
	{ .family = { .name = "echod_log_messages_suppressed_total",
	      .help = "Messages that the log had no room for.", .type = FAMILY_COUNTER },
	  .read = read_suppressed },
	{ GAUGE("echod_connections_limit",
	      "How many connections there may be: limits.connections, or as descriptors allow."),
	  .read = read_limit },
};

void
gauges_register(struct server *server)
{
	server->room.rows = rows;
	server->room.count = sizeof(rows) / sizeof(rows[0]);
	server->room.of = server;
	census_register(server->census, &server->room);
}
