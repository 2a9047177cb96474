/*
 * What the control thread has, for the files of this folder alone: server.c has its life,
 * parts.c what a configuration changes, reload.c, drain.c, hand_over.c and signals.c what happens
 * to it.
 */
#ifndef DAEMON_CONTROL_SERVER_INTERNAL_H
#define DAEMON_CONTROL_SERVER_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "daemon/account/census.h"
#include "daemon/config/config.h"
#include "daemon/control/certificates.h"
#include "daemon/control/process_room.h"
#include "daemon/control/ready.h"
#include "daemon/control/supervision.h"
#include "daemon/datagram/batches.h"
#include "daemon/datagram/guard.h"
#include "daemon/listen/listeners.h"
#include "daemon/listen/preamble.h"
#include "daemon/observe/http_listeners.h"
#include "daemon/observe/pages.h"
#include "daemon/observe/peers/gather.h"
#include "daemon/observe/summary.h"
#include "daemon/observe/telling.h"
#include "daemon/observe/worker_room.h"
#include "daemon/stream/crowds.h"

#define SERVER_SIGNALS 5

/* hand_over.h */
struct hand_over {
	/* Of a successor, until it serves: whom it takes over from by hand, and what the manager kept. */
	struct take *take;     /* NULL: from nobody */
	struct kept *kept;     /* NULL: nothing */
	struct cargo *sockets; /* what listens: of one of both; NULL: it is no successor */
	struct cargo *cargo;   /* and all else; NULL: there is nothing */
	struct adoption *adoption; /* what it has taken and not gone on with yet */
	struct give *give;         /* where a successor may ask; NULL: nowhere */
	int fd;                    /* of that; -1 */
	struct unix_place *place;
	struct unix_place *left; /* where the one before was asked, and nobody is any more; NULL */
	char *configuration; /* as text, while a successor makes ready: nothing is rendered later */
	bool is_halted; /* a successor is about to take all: nothing new begins */
	bool is_over;   /* it has: what is left ends here */
};

/* restart.h */
struct restart {
	struct deposit *deposit; /* NULL: no service manager listens */
	bool is_under_way;       /* what cannot travel ends, and then all is handed over */
	bool is_ready;           /* it has ended */
	bool is_cut;             /* its time is over: nobody is waited for */
	bool is_wanted;          /* the manager is to start another one, however this one ends */
};

struct server {
	struct config *config; /* in force; NULL while it starts */
	const struct config_source *source;
	struct inherited *inherited;
	struct event_base *base;
	struct inbox *inbox; /* where goes what the workers are done with */
	struct workers *workers;
	struct census *census;
	struct census_room room; /* gauges.h */
	struct census_room listener_room;
	struct worker_room *worker_room;
	struct process_room process_room;
	struct telling *telling;
	struct summary *summary;
	struct certificates *certificates;
	struct crowds *crowds;
	struct batches *batches;
	struct guard *guard;
	struct admission admission;
	struct preambles *preambles;
	struct listeners *listeners;
	struct supervision *supervision;
	struct ready *ready;
	struct hand_over hand_over;
	struct restart restart;
	bool is_settled; /* privileges are dropped, or about to be: a start that fails has failed */
	char *fault; /* of a start with the configuration of the process before; NULL */

	/* Who asks how it does: observe. */
	struct condition condition;
	struct observed observed;
	struct http_server *http;
	struct http_listeners *http_listeners;
	struct gather *gather;
	struct history *history; /* NULL: nobody may ask */

	/* What parts.c has prepared and not committed yet. */
	struct {
		struct acl *acl;
		size_t connections;
		struct history *history; /* a first one */
	} next;

	struct event *signals[SERVER_SIGNALS];
	struct event *drain_finish, *drain_stop;
	bool draining;
	uint64_t reloads_succeeded, reloads_failed;
	struct {
		uint64_t succeeded, failed;
	} hand_overs; /* of the whole service */
};

/* Nothing is left that a drain waits for. */
bool server_is_empty(const struct server *server);

/* Leaves the control thread's loop: what is still connected is aborted. */
void server_end(struct server *server);

/* A connection came home: settles its books. */
void server_settle(void *owner, struct letter *letter);

#endif
