/*
 * The configuration: what /etc/echod.conf, -l and -o say, checked and complete.
 *
 * Each option is one row of the table in options.c.  A struct config is made
 * anew by each config_load() and never changed after it was checked, so that a
 * reload that fails has nothing to undo.
 */
#ifndef DAEMON_CONFIG_CONFIG_H
#define DAEMON_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/faults.h"
#include "base/log.h"
#include "daemon/process/sandbox.h"
#include "daemon/threads/loop.h"
#include "net/endpoint.h"
#include "net/lists.h"
#include "net/tls/context.h"

/* The options of TLS: in the section of this name, and as a listener has them. */
struct tls_config {
	struct string_list certificate, key; /* files: a key for each certificate */
	char *client_ca;                     /* a file; "": none */
	enum tls_demand client_certificate;
	struct string_list alpn;
	int minimum_version;    /* 12 or 13, for TLS 1.2 and 1.3 */
	char *ciphers, *groups; /* "": the library's */
};

/* One `listen` section, or one -l. */
struct listen_config {
	char *name;
	enum protocol protocol;
	char *address; /* numeric, "*" or "localhost" */
	uint16_t port; /* host order; 0: the kernel picks one */
	/* Where the protocol has no ports: */
	char *path;    /* absolute, or "@" and an abstract name */
	int mode;      /* of its file */
	char *owner, *group; /* the same; "": as it is made */
	bool proxy_protocol; /* each connection begins with a header of it */
	struct prefix_list trusted_proxies; /* who may send one; others are refused */
	char *greeting; /* greeting.h; "": none */
	struct tls_config tls_options;
	struct tls_context *tls; /* made of them; NULL: it speaks no TLS */
};

struct config {
	char *user;  /* "": stay who we are */
	char *group; /* "": the user's own */
	enum sandbox_mode sandbox;
	int workers; /* 0: one for each CPU that the process may use */
	enum event_method event_method;
	bool edge_triggered;
	int drain_timeout; /* seconds */

	struct log_settings log;

	struct listen_config *listen; /* listen_count of them, at least one */
	size_t listen_count;

	struct {
		int connections;
		int idle_timeout;  /* seconds; 0: none */
		int write_timeout; /* seconds; 0: none */
		int stalled_connections;      /* 0: no limit */
		int blocked_memory;             /* MiB; 0: no limit */
		int lifetime;                 /* seconds; 0: none */
		int bandwidth_per_connection; /* bytes per second; 0: no limit */
		int socket_buffer; /* bytes; 0: the kernel's autotuning */
		int preamble_timeout; /* seconds */
		int handshake_timeout; /* seconds, of TLS */
		int handshakes;        /* of TLS, at once, of each worker */
		int connections_per_source;     /* 0: no limit */
		int connection_rate_per_source; /* a second; 0: no limit */
		int datagram_rate_per_source; /* answered in a second; 0: no limit */
		int datagram_rate;            /* the same of all sources together */
	} limits;

	struct {
		struct rule_list allow, deny;
	} access;

	struct {
		struct port_list refuse_source_ports;
		int max_datagram; /* bytes */
	} udp;

	struct {
		char *address; /* numeric, "*" or "localhost"; "": none */
		uint16_t port; /* host order; 0: the kernel picks one */
		char *path;    /* absolute, or "@" and an abstract name; "": none */
		int mode;      /* of its file */
		struct string_list hosts; /* whom a request may mean, beside this host */
		bool peers; /* tells who is connected */
	} observe;

	struct {
		char *path; /* absolute, or "@" and an abstract name; "": none */
	} take_over;

	struct tls_config tls; /* of listeners that do not say otherwise */
};

/* Where a configuration comes from: kept over reloads, so that each one sees it again. */
struct config_source {
	const char *path;
	/*
	 * What the file says, which is then not read, and was in force before: a TLS listener whose
	 * files have a fault since is left out, with an error in the log.  NULL.
	 */
	const char *text;
	bool may_be_missing;       /* the default file, at start, where -l names a listener */
	const char *const *listen; /* -l URIs: if any, they replace the file's listeners */
	size_t listen_count;
	const char *const *set;    /* -o NAME=VALUE, in order */
	size_t set_count;
	bool foreground;           /* -f: log.target is stderr */
	int verbose;               /* -v: levels above log.level, up to debug */
	bool asks;                 /* only observe matters: where it is known, nothing is a fault */
	const struct config *running; /* on a reload: what it looked up and presents counts; NULL */
};

/* Room for what config_needs_reader() says. */
#define CONFIG_READER_SIZE 256

/* What comes of that where it is about a key or a certificate. */
#define CONFIG_HOW_TO_READ ": give it a group that may, as SupplementaryGroups=ssl-cert does"

/*
 * Writes to `text` that this process must be able to read the file at `path`, as whom, and what
 * keeps it from that; returns it.  `user` is the process's, or "" where that is not known.
 */
const char *config_needs_reader(const char *path, const char *user,
    char text[CONFIG_READER_SIZE]);

/*
 * Reads and checks everything.  Returns the configuration, for config_free(),
 * or NULL with what is wrong in *faults: those of the file with its name and
 * line, those of the command line with the argument that has them.
 */
struct config *config_load(const struct config_source *source, struct faults *faults);
void config_free(struct config *config);

/*
 * Prints the effective configuration as a file that config_load() takes and that
 * gives the same output again.  Returns 0, or -1 with errno when `out` fails.
 */
int config_dump(const struct config *config, FILE *out);

/*
 * For a reload: moves the options that only a restart can change from `running`
 * into `next`, so that `next` is what echod then runs with, and calls `changed`
 * for each whose value differed, with both values as the file would write them.
 * Swaps ownership; both are still for config_free().
 */
void config_keep_fixed(struct config *next, struct config *running,
    void (*changed)(const char *option, const char *running, const char *next));

/* An option whose value is another one. */
struct config_change {
	const char *name; /* "limits.idle_timeout", "listen.echo-tcp.port" */
	bool is_set; /* a list, whose order makes no difference */
	const char *from, *to; /* as the file writes them, cut where they are long; of a set the
	                        * elements that it has no more, and those that it had not */
};

/*
 * For a reload: calls `tell` for each option that it changes, also for those of listeners that
 * both have.
 */
void config_tell_changes(const struct config *running, const struct config *next,
    void (*tell)(const struct config_change *change));

/* True where a listener, observe or take_over has a file: a path, not an abstract name. */
bool config_has_files(const struct config *config);

/* Where it listens, for as long as *listen is there. */
struct endpoint_view config_endpoint(const struct listen_config *listen);

/* The same of where observe listens, at most CONFIG_OBSERVE_MAX.  Returns how many. */
#define CONFIG_OBSERVE_MAX 2
size_t config_observe_endpoints(const struct config *config,
    struct endpoint_view endpoints[CONFIG_OBSERVE_MAX]);

/* The same of where a successor takes over.  Returns false: nowhere. */
bool config_take_over_endpoint(const struct config *config, struct endpoint_view *endpoint);

/* The one of this name, or NULL. */
const struct listen_config *config_find_listener(const struct config *config, const char *name);

/*
 * True where a listener that runs as `a` says may be what `b` asks for: the name is the same, and
 * all that a reload does not change in place, but for the address, whose meaning counts.
 */
bool config_is_same_listener(const struct listen_config *a, const struct listen_config *b);

/* True where both have the same address and port written. */
bool config_is_same_address(const struct listen_config *a, const struct listen_config *b);

/* "auto", "epoll", "poll" or "select". */
const char *event_method_name(enum event_method method);

#endif
