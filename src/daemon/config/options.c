/* The table of options: see options.h. */
#include "daemon/config/options.h"

#include "daemon/config/config.h"

static const struct option_choice event_methods[] = {
	{ "auto", EVENT_METHOD_AUTO },
	{ "epoll", EVENT_METHOD_EPOLL },
	{ "poll", EVENT_METHOD_POLL },
	{ "select", EVENT_METHOD_SELECT },
	{ NULL, 0 },
};

static const struct option_choice sandbox_modes[] = {
	{ "auto", SANDBOX_AUTO },
	{ "true", SANDBOX_TRUE },
	{ "false", SANDBOX_FALSE },
	{ NULL, 0 },
};

static const struct option_choice targets[] = {
	{ "syslog", LOG_TARGET_SYSLOG },
	{ "stderr", LOG_TARGET_STDERR },
	{ NULL, 0 },
};

static const struct option_choice formats[] = {
	{ "text", LOG_FORMAT_TEXT },
	{ "json", LOG_FORMAT_JSON },
	{ NULL, 0 },
};

static const struct option_choice facilities[] = {
	{ "daemon", LOG_DAEMON },
	{ "user", LOG_USER },
	{ "auth", LOG_AUTH },
	{ "authpriv", LOG_AUTHPRIV },
	{ "syslog", LOG_SYSLOG },
	{ "local0", LOG_LOCAL0 },
	{ "local1", LOG_LOCAL1 },
	{ "local2", LOG_LOCAL2 },
	{ "local3", LOG_LOCAL3 },
	{ "local4", LOG_LOCAL4 },
	{ "local5", LOG_LOCAL5 },
	{ "local6", LOG_LOCAL6 },
	{ "local7", LOG_LOCAL7 },
	{ NULL, 0 },
};

static const struct option_choice levels[] = {
	{ "err", LOG_ERR },
	{ "warning", LOG_WARNING },
	{ "notice", LOG_NOTICE },
	{ "info", LOG_INFO },
	{ "debug", LOG_DEBUG },
	{ NULL, 0 },
};

static const struct option_choice demands[] = {
	{ "none", TLS_CERTIFICATE_NONE },
	{ "optional", TLS_CERTIFICATE_OPTIONAL },
	{ "required", TLS_CERTIFICATE_REQUIRED },
	{ NULL, 0 },
};

static const struct option_choice versions[] = {
	{ "1.2", 12 },
	{ "1.3", 13 },
	{ NULL, 0 },
};

#define AT(member) .offset = offsetof(struct config, member)
#define AT_LISTEN(member) .offset = offsetof(struct listen_config, member)
#define AT_TLS(member) AT(tls.member)
#define AT_LISTEN_TLS(member) AT_LISTEN(tls_options.member)

/* Of the section that has the defaults of all TLS listeners, and of each of them. */
#define TLS_ROWS(section, AT_MEMBER)                                                        \
	{ section, "certificate", OPTION_STRINGS, ON_RELOAD, "{}", AT_MEMBER(certificate),  \
	    .use = FOR_TLS, .help = "PEM files, each with its chain" },                     \
	{ section, "key", OPTION_STRINGS, ON_RELOAD, "{}", AT_MEMBER(key), .use = FOR_TLS,  \
	    .may_repeat = true, .help = "PEM files, the key of each certificate" },         \
	{ section, "client_ca", OPTION_STRING, ON_RELOAD, "", AT_MEMBER(client_ca),         \
	    .use = FOR_TLS, .help = "PEM file: who may sign clients' certificates" },       \
	{ section, "client_certificate", OPTION_CHOICE, ON_RELOAD, "none",                  \
	    AT_MEMBER(client_certificate), .use = FOR_TLS, .choices = demands },            \
	{ section, "alpn", OPTION_STRINGS, ON_RELOAD, "{}", AT_MEMBER(alpn),                \
	    .use = FOR_TLS, .help = "application protocols; none: any" },                   \
	{ section, "minimum_version", OPTION_CHOICE, ON_RELOAD, "1.2",                      \
	    AT_MEMBER(minimum_version), .use = FOR_TLS, .choices = versions },              \
	{ section, "ciphers", OPTION_STRING, ON_RELOAD, "", AT_MEMBER(ciphers),             \
	    .use = FOR_TLS, .max = OPTION_STRING_LONGEST, .help = "empty: OpenSSL's" },      \
	{ section, "groups", OPTION_STRING, ON_RELOAD, "", AT_MEMBER(groups),               \
	    .use = FOR_TLS, .help = "empty: OpenSSL's" }

/* In the order of the dump; the rows of a section are side by side. */
const struct option_row option_rows[] = {
	{ "", "user", OPTION_STRING, ON_RESTART, "", AT(user),
	    .help = "switch to this user after binding; empty: stay" },
	{ "", "group", OPTION_STRING, ON_RESTART, "", AT(group),
	    .help = "and to this group; empty: the user's own" },
	{ "", "sandbox", OPTION_CHOICE, ON_RESTART, "auto", AT(sandbox), .choices = sandbox_modes,
	    .help = "auto, true or false: allow only the system calls it needs" },
	{ "", "workers", OPTION_NUMBER, ON_RESTART, "0", AT(workers), .max = 256, .unit = "",
	    .zero = "one for each CPU", .help = "threads; 0: one for each CPU" },
	{ "", "event_method", OPTION_CHOICE, ON_RESTART, "auto", AT(event_method),
	    .choices = event_methods },
	{ "", "edge_triggered", OPTION_BOOL, ON_RESTART, "false", AT(edge_triggered),
	    .help = "epoll only" },
	{ "", "drain_timeout", OPTION_NUMBER, ON_RELOAD, "30", AT(drain_timeout), .max = 3600,
	    .unit = " seconds", .help = "seconds from SIGTERM to the end, at most" },
	{ "log", "target", OPTION_CHOICE, ON_RELOAD, "syslog", AT(log.target), .choices = targets },
	{ "log", "format", OPTION_CHOICE, ON_RELOAD, "text", AT(log.format), .choices = formats,
	    .help = "text, or json: one object a line" },
	{ "log", "facility", OPTION_CHOICE, ON_RELOAD, "daemon", AT(log.facility),
	    .choices = facilities,
	    .help = "daemon, user, auth, authpriv, syslog, local0 to local7" },
	{ "log", "level", OPTION_CHOICE, ON_RELOAD, "info", AT(log.level), .choices = levels },
	{ "limits", "connections", OPTION_NUMBER, ON_RELOAD, "10000", AT(limits.connections),
	    .min = 1, .max = 1000000, .unit = "",
	    .help = "at once; further ones wait in the backlog" },
	{ "limits", "idle_timeout", OPTION_NUMBER, ON_RELOAD, "600", AT(limits.idle_timeout),
	    .max = 86400, .unit = " seconds", .zero = "no limit",
	    .help = "seconds without a byte either way; 0: no limit" },
	{ "limits", "write_timeout", OPTION_NUMBER, ON_RELOAD, "60", AT(limits.write_timeout),
	    .max = 86400, .unit = " seconds", .zero = "no limit",
	    .help = "seconds in which a blocked peer took nothing; 0: no limit" },
	{ "limits", "stalled_connections", OPTION_NUMBER, ON_RELOAD, "1024",
	    AT(limits.stalled_connections), .max = 1000000, .unit = "", .zero = "no limit",
	    .help = "blocked, and nothing taken for 2 s; 0: no limit" },
	{ "limits", "blocked_memory", OPTION_NUMBER, ON_RELOAD, "512", AT(limits.blocked_memory),
	    .max = 1048576, .unit = " MiB", .zero = "no limit",
	    .help = "MiB held for all blocked ones; 0: no limit" },
	{ "limits", "lifetime", OPTION_NUMBER, ON_RELOAD, "0", AT(limits.lifetime),
	    .max = 31536000, .unit = " seconds", .zero = "no limit",
	    .help = "seconds, whatever the peer does; 0: no limit" },
	{ "limits", "bandwidth_per_connection", OPTION_NUMBER, ON_RELOAD, "0",
	    AT(limits.bandwidth_per_connection), .max = 2000000000, .unit = " bytes per second",
	    .zero = "no limit", .help = "bytes per second; 0: no limit" },
	{ "limits", "socket_buffer", OPTION_NUMBER, ON_RELOAD, "0", AT(limits.socket_buffer),
	    .min = 4096, .max = 67108864, .unit = " bytes", .zero = "the kernel's autotuning",
	    .help = "bytes, each way; 0: the kernel's autotuning" },
	{ "limits", "preamble_timeout", OPTION_NUMBER, ON_RELOAD, "5", AT(limits.preamble_timeout),
	    .min = 3, .max = 3600, .unit = " seconds",
	    .help = "seconds for the header of the PROXY protocol" },
	{ "limits", "handshake_timeout", OPTION_NUMBER, ON_RELOAD, "10", AT(limits.handshake_timeout),
	    .min = 1, .max = 3600, .unit = " seconds",
	    .help = "seconds from the connection to the end of the TLS handshake" },
	{ "limits", "handshakes", OPTION_NUMBER, ON_RELOAD, "1000", AT(limits.handshakes),
	    .min = 1, .max = 1000000, .unit = "",
	    .help = "of TLS at once, of each worker; further ones wait" },
	{ "limits", "connections_per_source", OPTION_NUMBER, ON_RELOAD, "1000",
	    AT(limits.connections_per_source), .max = 1000000, .unit = "", .zero = "no limit",
	    .help = "at once, of an IPv4 address, IPv6 /64 or user, no loopback one; 0: no limit" },
	{ "limits", "connection_rate_per_source", OPTION_NUMBER, ON_RELOAD, "0",
	    AT(limits.connection_rate_per_source), .max = 1000000, .unit = " a second",
	    .zero = "no limit", .help = "a second, and at once; 0: no limit" },
	{ "limits", "datagram_rate_per_source", OPTION_NUMBER, ON_RELOAD, "1000",
	    AT(limits.datagram_rate_per_source), .max = 1000000, .unit = " a second",
	    .zero = "no limit", .help = "answered in a second; 0: no limit" },
	{ "limits", "datagram_rate", OPTION_NUMBER, ON_RELOAD, "0", AT(limits.datagram_rate),
	    .max = 10000000, .unit = " a second", .zero = "no limit",
	    .help = "the same of all sources together; 0: no limit" },
	{ "access", "allow", OPTION_RULES, ON_RELOAD, "{}", AT(access.allow),
	    .help = "address prefixes, users; of a kind none: all of it" },
	{ "access", "deny", OPTION_RULES, ON_RELOAD, "{}", AT(access.deny),
	    .help = "the same; the longest prefix wins" },
	{ "udp", "refuse_source_ports", OPTION_PORTS, ON_RELOAD, "{\"0-1023\", \"2049\"}",
	    AT(udp.refuse_source_ports), .help = "datagrams from these get no answer" },
	{ "udp", "max_datagram", OPTION_NUMBER, ON_RELOAD, "65507", AT(udp.max_datagram),
	    .max = 65507, .unit = " bytes", .help = "bytes; longer datagrams get no answer" },
	{ "observe", "address", OPTION_ADDRESS, ON_RELOAD, "", AT(observe.address),
	    .help = "HTTP: metrics, health, status; empty: none" },
	{ "observe", "port", OPTION_PORT, ON_RELOAD, "9007", AT(observe.port), .max = UINT16_MAX,
	    .unit = "", .zero = "the kernel picks one", .help = "0: the kernel picks one" },
	{ "observe", "path", OPTION_PATH, ON_RELOAD, "", AT(observe.path),
	    .help = "the same at a Unix socket; empty: none" },
	{ "observe", "mode", OPTION_MODE, ON_RELOAD, "0600", AT(observe.mode),
	    .help = "of its file: who may write to it may ask" },
	{ "observe", "hosts", OPTION_STRINGS, ON_RELOAD, "{}", AT(observe.hosts),
	    .help = "names to ask for, beside addresses and this host's" },
	{ "observe", "peers", OPTION_BOOL, ON_RELOAD, "false", AT(observe.peers),
	    .help = "tells who is connected, at the loopback and the path alone" },
	{ "take_over", "path", OPTION_PATH, ON_RESTART, "", AT(take_over.path),
	    .help = "a Unix socket, where a successor takes over; empty: none does" },
	TLS_ROWS("tls", AT_TLS),
	{ "listen", "protocol", OPTION_PROTOCOL, ON_BIND, "tcp", AT_LISTEN(protocol) },
	{ "listen", "address", OPTION_ADDRESS, ON_ADDRESS, "*", AT_LISTEN(address),
	    .use = FOR_PORTS, .help = "numeric, \"*\" (all) or \"localhost\"" },
	{ "listen", "port", OPTION_PORT, ON_ADDRESS, NULL, AT_LISTEN(port), .max = UINT16_MAX,
	    .use = FOR_PORTS, .unit = "", .zero = "the kernel picks one",
	    .help = "0: the kernel picks one" },
	{ "listen", "path", OPTION_PATH, ON_ADDRESS, NULL, AT_LISTEN(path), .use = FOR_PATHS,
	    .help = "of the socket, or \"@\" and an abstract name" },
	{ "listen", "mode", OPTION_MODE, ON_BIND, "0660", AT_LISTEN(mode), .use = FOR_PATHS,
	    .help = "of its file: who may write to it may connect" },
	{ "listen", "owner", OPTION_STRING, ON_BIND, "", AT_LISTEN(owner), .use = FOR_PATHS,
	    .help = "of its file; empty: who starts echod" },
	{ "listen", "group", OPTION_STRING, ON_BIND, "", AT_LISTEN(group), .use = FOR_PATHS,
	    .help = "the same" },
	{ "listen", "proxy_protocol", OPTION_BOOL, ON_RELOAD, "false", AT_LISTEN(proxy_protocol),
	    .help = "a header of it says who connects" },
	{ "listen", "trusted_proxies", OPTION_PREFIXES, ON_RELOAD, "{}",
	    AT_LISTEN(trusted_proxies), .use = FOR_PORTS,
	    .help = "who may send it; others are refused" },
	{ "listen", "greeting", OPTION_GREETING, ON_RELOAD, "", AT_LISTEN(greeting),
	    .help = "sent first; %h host, %n listener, %p peer, %% percent" },
	TLS_ROWS("listen", AT_LISTEN_TLS),
};
const size_t option_row_count = sizeof(option_rows) / sizeof(option_rows[0]);

_Static_assert(sizeof(enum event_method) == sizeof(int), "a choice is written as an int");
_Static_assert(sizeof(enum sandbox_mode) == sizeof(int), "a choice is written as an int");
_Static_assert(sizeof(enum log_target) == sizeof(int), "a choice is written as an int");
_Static_assert(sizeof(enum tls_demand) == sizeof(int), "a choice is written as an int");
_Static_assert(sizeof(enum log_format) == sizeof(int), "a choice is written as an int");

const char *
event_method_name(enum event_method method)
{
	return event_methods[method].name;
}
