/* The line of the log for a connection that is closed: see conn_internal.h. */
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "daemon/stream/conn_internal.h"

/* Texts of the peer's choice are cut to this, so that the line has room for all: characters. */
#define WORD_MOST 160

/* What both kinds of connections tell. */
struct told {
	const char *listener, *reason;
	char peer[ADDRESS_TEXT_SIZE], proxy[ADDRESS_TEXT_SIZE];
	unsigned long long received, sent;
	double seconds;
};

/* As one escaped word, or what of it has room; "-" for none. */
static const char *
word_of(const char *text, char word[4 * WORD_MOST + 1])
{
	size_t size = strnlen(text, WORD_MOST);

	if (size == 0)
		return "-";
	while (strlen(escape_word(text, size, word)) > WORD_MOST)
		size--;
	return word;
}

/* What TLS agreed on, behind what all tell. */
static void
log_secure(const struct told *told, const struct secure *secure, bool is_proxied)
{
	char name[4 * WORD_MOST + 1], alpn[4 * WORD_MOST + 1], subject[4 * WORD_MOST + 1];
	const double handshake = (double)secure->took / 1e6;
	struct tls_facts facts;
	const char *resumed;

	tls_session_facts(secure->session, &facts);
	resumed = facts.is_resumed ? "yes" : "no";
	if (is_proxied)
		log_info("connection closed: peer=%s proxy=%s listener=%s reason=%s received=%llu "
		    "sent=%llu seconds=%.3f tls=%s cipher=%s sni=%s alpn=%s subject=%s resumed=%s "
		    "handshake=%.3f", told->peer, told->proxy, told->listener, told->reason,
		    told->received, told->sent, told->seconds, facts.version, facts.cipher,
		    word_of(facts.server_name, name), word_of(facts.alpn, alpn),
		    word_of(facts.subject, subject), resumed, handshake);
	else
		log_info("connection closed: peer=%s listener=%s reason=%s received=%llu sent=%llu "
		    "seconds=%.3f tls=%s cipher=%s sni=%s alpn=%s subject=%s resumed=%s "
		    "handshake=%.3f", told->peer, told->listener, told->reason, told->received,
		    told->sent, told->seconds, facts.version, facts.cipher,
		    word_of(facts.server_name, name), word_of(facts.alpn, alpn),
		    word_of(facts.subject, subject), resumed, handshake);
}

static void
log_plain(const struct told *told, bool is_proxied)
{
	if (is_proxied)
		log_info("connection closed: peer=%s proxy=%s listener=%s reason=%s received=%llu "
		    "sent=%llu seconds=%.3f", told->peer, told->proxy, told->listener, told->reason,
		    told->received, told->sent, told->seconds);
	else
		log_info("connection closed: peer=%s listener=%s reason=%s received=%llu sent=%llu "
		    "seconds=%.3f", told->peer, told->listener, told->reason, told->received,
		    told->sent, told->seconds);
}

void
conn_log_closed(const struct conn *conn, enum close_reason reason)
{
	const struct conn_via *via = conn_via(conn);
	struct told told = {
		.listener = conn->branch->ledger->name,
		.reason = reason == CLOSE_TLS ? tls_fault_name(conn_tls_fault(conn))
		    : close_reason_name(reason),
		.received = conn->received,
		.sent = conn->sent,
		.seconds = (double)(clock_ms() - conn->opened) / 1000,
	};

	if (via != NULL && via->is_quiet)
		return;
	address_format(&conn->peer, told.peer);
	if (via != NULL)
		address_format(&via->proxy, told.proxy);
	if (conn->is_secure && secure_seen(conn)->session != NULL && !secure_seen(conn)->is_shaking)
		log_secure(&told, secure_seen(conn), via != NULL);
	else
		log_plain(&told, via != NULL);
}
