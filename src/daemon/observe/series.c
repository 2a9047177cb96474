/* The counters as a reader sees them: see series.h. */
#include "daemon/observe/series.h"

#include <stddef.h>
#include <stdio.h>

#include "base/log.h"

/* A name, two labels and a listener's name of 63 characters. */
#define SERIES_SIZE 192

struct out {
	void (*emit)(void *arg, const char *series, uint64_t value);
	void *arg;
};

static void
emit(const struct out *out, const char *name, uint64_t value)
{
	out->emit(out->arg, name, value);
}

static void
emit_labelled(const struct out *out, const char *name, const char *label, const char *of,
    uint64_t value)
{
	char series[SERIES_SIZE];

	snprintf(series, sizeof(series), "%s{%s=\"%s\"}", name, label, of);
	emit(out, series, value);
}

static void
emit_connections(const struct out *out, const struct ledger *ledger)
{
	const char *label = "listener", *name = ledger->name;
	char series[SERIES_SIZE];

	emit_labelled(out, "echod_connections_accepted_total", label, name, ledger->accepted);
	emit_labelled(out, "echod_connections_open", label, name, ledger->open);
	for (int i = 0; i < REFUSE_REASON_COUNT; i++) {
		snprintf(series, sizeof(series),
		    "echod_connections_refused_total{listener=\"%s\",reason=\"%s\"}", name,
		    refuse_reason_name(i));
		emit(out, series, ledger->refused[i]);
	}
}

static void
emit_listener(const struct out *out, const struct listener *listener)
{
	const struct ledger *ledger = listener_ledger(listener);

	if (protocol_is_stream(listener_protocol(listener)))
		emit_connections(out, ledger);
	emit_labelled(out, "echod_received_bytes_total", "listener", ledger->name,
	    ledger_received_bytes(ledger));
	emit_labelled(out, "echod_sent_bytes_total", "listener", ledger->name,
	    ledger_sent_bytes(ledger));
}

static void
emit_datagrams(const struct out *out, const struct workers *workers)
{
	emit(out, "echod_datagrams_received_total",
	    workers_datagrams(workers, offsetof(struct datagram_counters, received)));
	emit(out, "echod_datagrams_sent_total",
	    workers_datagrams(workers, offsetof(struct datagram_counters, sent)));
	for (int i = 0; i < DROP_REASON_COUNT; i++)
		emit_labelled(out, "echod_datagrams_dropped_total", "reason", drop_reason_name(i),
		    workers_datagrams(workers, offsetof(struct datagram_counters, dropped) +
			(size_t)i * sizeof(counter)));
}

void
series_each(const struct series_view *view,
    void (*to)(void *arg, const char *series, uint64_t value), void *arg)
{
	const struct out out = { to, arg };

	emit_labelled(&out, "echod_build_info", "version", PACKAGE_VERSION, 1);
	emit(&out, "echod_start_time_seconds", (uint64_t)view->started);
	for (size_t i = 0; i < listeners_count(view->listeners); i++)
		emit_listener(&out, listeners_get(view->listeners, i));
	for (int i = 0; i < CLOSE_REASON_COUNT; i++)
		emit_labelled(&out, "echod_connections_closed_total", "reason",
		    close_reason_name(i), view->admission->closed[i]);
	emit_datagrams(&out, view->workers);
	emit_labelled(&out, "echod_reloads_total", "result", "success", view->reloads_succeeded);
	emit_labelled(&out, "echod_reloads_total", "result", "failure", view->reloads_failed);
	emit(&out, "echod_log_messages_suppressed_total", log_suppressed());
}
