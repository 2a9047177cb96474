/*
 * What the HTTP server has to give: /metrics for Prometheus, /healthz and /readyz for probes,
 * / for whoever wants to see, and /status.json, which it shows; /connections for whoever may.
 * None of it changes anything.
 */
#ifndef DAEMON_OBSERVE_PAGES_H
#define DAEMON_OBSERVE_PAGES_H

#include "daemon/observe/http_server.h"
#include "daemon/observe/status_json.h"

#define PAGES_STATUS "/status.json"
#define PAGES_CONNECTIONS "/connections"

/* Of a struct observed. */
extern const struct http_page pages[];
extern const size_t page_count;

#endif
