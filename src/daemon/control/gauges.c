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
read_started(const void *of, size_t index)
{
	const struct server *server = of;

	(void)index;
	return (uint64_t)server->condition.started;
}

static uint64_t
read_reloads(const void *of, size_t index)
{
	const struct server *server = of;

	return index == 0 ? server->reloads_succeeded : server->reloads_failed;
}

static uint64_t
read_suppressed(const void *of, size_t index)
{
	(void)of;
	(void)index;
	return log_suppressed();
}

static const char *const versions[] = { PACKAGE_VERSION };
static const char *const results[] = { "success", "failure" };

static const struct census_row rows[] = {
	{ { "echod_build_info", "Always 1.", FAMILY_GAUGE, "version", versions, 1 }, read_build },
	{ { "echod_start_time_seconds", "When echod started, in seconds since 1970.", FAMILY_GAUGE,
	      NULL, NULL, 1 }, read_started },
	{ { "echod_reloads_total", "Reloads.", FAMILY_COUNTER, "result", results, 2 }, read_reloads },
	{ { "echod_log_messages_suppressed_total", "Messages that the log had no room for.",
	      FAMILY_COUNTER, NULL, NULL, 1 }, read_suppressed },
};

void
gauges_register(struct server *server)
{
	server->room.rows = rows;
	server->room.count = sizeof(rows) / sizeof(rows[0]);
	server->room.of = server;
	census_register(server->census, &server->room);
}
