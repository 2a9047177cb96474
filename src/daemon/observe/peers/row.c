/* A connection as /connections tells it: see row.h. */
#include "daemon/observe/peers/row.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/observe/peers/query.h"
#include "net/tls/session.h"

void
row_fill(struct row *row, const struct conn *conn, const struct conn_facts *facts, int64_t now)
{
	const struct conn_via *via = conn_via(conn);
	const struct branch *branch = conn_branch(conn);
	struct tls_terms terms;

	row->peer = *conn_peer(conn);
	if (via != NULL)
		row->proxy = via->proxy;
	row->listener = branch->ledger->name;
	row->worker = ledger_worker(branch);
	row->state = facts->state;
	row->age = now - facts->opened;
	row->received = facts->received;
	row->sent = facts->sent;
	row->waiting = facts->waiting;
	if (facts->session == NULL)
		return;
	tls_session_terms(facts->session, &terms);
	row->version = terms.version;
	row->cipher = terms.cipher;
	if (*terms.server_name != '\0')
		row->server_name = strdup(terms.server_name);
}

void
row_empty(struct row *row)
{
	free(row->server_name);
	memset(row, 0, sizeof(*row));
}

/* The peer chose it, and a listener's name may have any byte: what is not UTF-8 is no string. */
static json_t *
text(const char *value)
{
	json_t *string = json_string(value);

	return string != NULL ? string : json_string("?");
}

static json_t *
make_tls(const struct row *row)
{
	if (row->version == NULL)
		return json_null();
	return json_pack("{s:s, s:s, s:o}", "version", row->version, "cipher", row->cipher,
	    "server_name", row->server_name != NULL ? text(row->server_name) : json_null());
}

static json_t *
make_proxy(const struct row *row)
{
	char shown[ADDRESS_TEXT_SIZE];

	return row->proxy.sa.sa_family != AF_UNSPEC
	    ? json_string(address_format(&row->proxy, shown)) : json_null();
}

static int
add(const char *piece, size_t size, void *body)
{
	return evbuffer_add(body, piece, size);
}

bool
row_add_line(json_t *object, struct evbuffer *body)
{
	const bool is_added = object != NULL &&
	    json_dump_callback(object, add, body, JSON_COMPACT | JSON_REAL_PRECISION(12)) == 0 &&
	    evbuffer_add(body, "\n", 1) == 0;

	json_decref(object);
	return is_added;
}

bool
row_write(const struct row *row, struct evbuffer *body)
{
	char peer[ADDRESS_TEXT_SIZE];

	return row_add_line(json_pack("{s:s, s:o, s:o, s:s, s:f, s:I, s:I, s:I, s:I, s:o}",
	    "peer", address_format(&row->peer, peer),
	    "proxy", make_proxy(row),
	    "listener", text(row->listener),
	    "state", query_state_name(row->state),
	    "age_seconds", (double)row->age / 1000,
	    "received_bytes", (json_int_t)row->received,
	    "sent_bytes", (json_int_t)row->sent,
	    "waiting_bytes", (json_int_t)row->waiting,
	    "worker", (json_int_t)row->worker,
	    "tls", make_tls(row)), body);
}
