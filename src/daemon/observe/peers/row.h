/*
 * A connection as /connections tells it: copied where it is, in its worker's thread, and written as
 * a line of JSON in the control thread.  echod(8) has its fields.
 */
#ifndef DAEMON_OBSERVE_PEERS_ROW_H
#define DAEMON_OBSERVE_PEERS_ROW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/stream/conn.h"

struct evbuffer;

struct row {
	struct address peer;
	struct address proxy; /* AF_UNSPEC: it came by itself */
	const char *listener; /* its ledger's, which whoever asks holds */
	size_t worker;
	enum conn_state state;
	int64_t age; /* ms */
	uint64_t received, sent;
	size_t waiting;
	const char *version, *cipher; /* of TLS; NULL: it speaks none, or not yet */
	char *server_name;            /* that was asked for; NULL: none, or no memory for it */
};

/* Fills *row, which is all zero or was emptied; row_empty() empties it. */
void row_fill(struct row *row, const struct conn *conn, const struct conn_facts *facts,
    int64_t now);
void row_empty(struct row *row);

/* Adds its line to `body`.  Returns false where memory lacks. */
bool row_write(const struct row *row, struct evbuffer *body);

/* The same of any line: of `object`, which it takes; NULL: memory has lacked. */
bool row_add_line(json_t *object, struct evbuffer *body);

#endif
