/* The one door in: see admission.h. */
#include "daemon/listen/admission.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "daemon/stream/packed.h"

bool
admission_has_room(const struct admission *admission)
{
	return admission->open < admission->limit;
}

/* Who has most is looked for when it is told, and no more often. */
void
admission_tell_full(struct admission *admission, const struct ledger *ledger)
{
	const unsigned long long all = admission->open;
	struct source_name most = { .kind = SOURCE_IPV4 };
	char source[SOURCE_NAME_TEXT_SIZE];
	uint32_t open;

	if (!log_wants(LOG_WARNING) || !log_limit_allows(&admission->full, clock_ms()))
		return;
	open = sources_find_most(admission->sources, &most);
	source_name_format(most, source);
	if (admission->limit == admission->wanted)
		log_warning("limits.connections is reached, further connections wait: listener=%s"
		    " open=%llu source=%s open_of_source=%u", ledger->name, all, source, open);
	else
		log_warning("too few descriptors, further connections wait: listener=%s"
		    " open=%llu source=%s open_of_source=%u", ledger->name, all, source, open);
}

/* --- refusing ---------------------------------------------------------------------- */

void
admission_count_refusal(struct ledger *ledger, enum refuse_reason reason,
    const struct address *peer)
{
	char text[ADDRESS_TEXT_SIZE];

	if (ledger_refuse(ledger, reason, peer, clock_ms()))
		log_notice("connection refused: peer=%s listener=%s reason=%s",
		    address_format(peer, text), ledger->name, refuse_reason_name(reason));
}

/* With a reset: neither we nor the kernel keep anything for this peer. */
void
admission_refuse(struct ledger *ledger, enum refuse_reason reason, int fd,
    const struct address *peer)
{
	static const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
	admission_count_refusal(ledger, reason, peer);
}

/* --- admitting ------------------------------------------------------------------------- */

/* What the books of sources say, as the reason of a refusal. */
static enum refuse_reason
reason_of(enum source_verdict verdict)
{
	switch (verdict) {
	case SOURCE_FULL:
		return REFUSE_SOURCE_CONNECTIONS;
	case SOURCE_FAST:
		return REFUSE_SOURCE_RATE;
	default:
		return REFUSE_MEMORY;
	}
}

static void
log_opened(const struct ledger *ledger, const struct conn *conn)
{
	char text[ADDRESS_TEXT_SIZE];

	log_debug("new connection from %s", address_format(conn_peer(conn), text));
	log_info("connection opened: peer=%s listener=%s", address_format(conn_peer(conn), text),
	    ledger->name);
}

/* Returns whose it is. */
static struct worker *
enter_books(struct admission *admission, const struct conn *conn)
{
	const struct branch *branch = conn_branch(conn);
	const size_t worker = ledger_worker(branch);

	counter_add(&branch->ledger->open, 1);
	admission->open++;
	admission->tied += conn_is_tied(conn);
	workers_count_opened(admission->workers, worker);
	return workers_get(admission->workers, worker);
}

static void
serve(struct admission *admission, struct ledger *ledger, struct conn *conn)
{
	ledger_accept(ledger, conn_peer(conn), clock_ms());
	conn_post(conn, enter_books(admission, conn));
}

static struct conn *
make_conn(const struct admission *admission, struct ledger *ledger, int fd,
    const struct address *peer, const struct conn_via *via, const struct welcome *welcome)
{
	struct branch *branch = &ledger->branches[workers_pick(admission->workers)];
	struct conn_extras extras = { .via = via, .tls = welcome->tls };
	char text[ADDRESS_TEXT_SIZE], said[GREETING_MOST];

	if (*welcome->greeting != '\0') {
		const struct greeting_names names = { .host = admission->host,
			.listener = ledger->name, .peer = address_format(peer, text) };

		extras.greeting = said;
		extras.greeting_size = greeting_format(welcome->greeting, &names, said);
	}
	return conn_new(fd, peer, branch, &extras);
}

/* Returns NULL where it is refused. */
static struct conn *
admit(struct admission *admission, struct ledger *ledger, int fd, const struct address *peer,
    const struct conn_via *via, const struct welcome *welcome)
{
	enum source_verdict verdict;
	struct conn *conn;

	if (!acl_allows(admission->acl, peer)) {
		admission_refuse(ledger, REFUSE_DENIED, fd, peer);
		return NULL;
	}
	verdict = sources_enter(admission->sources, peer, clock_ms());
	if (verdict != SOURCE_ENTERED) {
		admission_refuse(ledger, reason_of(verdict), fd, peer);
		return NULL;
	}
	conn = make_conn(admission, ledger, fd, peer, via, welcome);
	if (conn == NULL) {
		sources_leave(admission->sources, peer, clock_ms());
		admission_refuse(ledger, REFUSE_MEMORY, fd, peer);
		return NULL;
	}
	return conn;
}

void
admission_admit(struct admission *admission, struct ledger *ledger, int fd,
    const struct address *peer, const struct welcome *welcome)
{
	struct conn *conn = admit(admission, ledger, fd, peer, NULL, welcome);

	if (conn == NULL)
		return;
	log_opened(ledger, conn);
	serve(admission, ledger, conn);
}

/* --- those that a proxy brings ------------------------------------------------------------ */

bool
admission_await(struct admission *admission, struct ledger *ledger, int fd,
    const struct address *proxy)
{
	const enum source_verdict verdict =
	    sources_enter_proxy(admission->sources, proxy, clock_ms());

	if (verdict != SOURCE_ENTERED) {
		admission_refuse(ledger, reason_of(verdict), fd, proxy);
		return false;
	}
	admission_adopt_preamble(admission, ledger);
	return true;
}

static void
end_preamble(struct admission *admission, struct ledger *ledger, const struct address *proxy)
{
	admission->open--;
	counter_subtract(&ledger->preambles, 1);
	sources_leave(admission->sources, proxy, clock_ms());
}

void
admission_dismiss(struct admission *admission, struct ledger *ledger, int fd,
    const struct address *proxy, enum refuse_reason reason)
{
	end_preamble(admission, ledger, proxy);
	if (reason == REFUSE_PREAMBLE_EMPTY) {
		/* Balancers look like this whether the port is open, again and again. */
		close(fd);
		counter_add(&ledger->refused[reason], 1);
	} else {
		admission_refuse(ledger, reason, fd, proxy);
	}
	admission->left(admission->owner);
}

#define HEADER_TEXT_MOST 255

/* What the proxy says of the peer, as one escaped word; "-" where it says nothing. */
static const char *
header_text(const struct proxy_text *said, char text[4 * HEADER_TEXT_MOST + 1])
{
	const size_t size = said->size < HEADER_TEXT_MOST ? said->size : HEADER_TEXT_MOST;

	return size > 0 ? escape_word(said->data, size, text) : "-";
}

static void
log_opened_by_proxy(const struct ledger *ledger, const struct conn *conn,
    const struct proxy_header *header)
{
	char texts[3][4 * HEADER_TEXT_MOST + 1];
	char peer[ADDRESS_TEXT_SIZE], proxy[ADDRESS_TEXT_SIZE];

	address_format(conn_peer(conn), peer);
	address_format(&conn_via(conn)->proxy, proxy);
	if (header->authority.size + header->alpn.size + header->tls_version.size == 0)
		log_info("connection opened: peer=%s proxy=%s listener=%s", peer, proxy,
		    ledger->name);
	else
		log_info("connection opened: peer=%s proxy=%s listener=%s tls=%s authority=%s "
		    "alpn=%s", peer, proxy, ledger->name,
		    header_text(&header->tls_version, texts[0]),
		    header_text(&header->authority, texts[1]),
		    header_text(&header->alpn, texts[2]));
}

/* Version 1 has no word for it: the checks of HAProxy tell the ends of their own connection. */
static enum header_kind
kind_of_header(const struct proxy_header *header, const struct address *proxy)
{
	if (header->is_local || (header->has_addresses && address_equal(&header->source, proxy)))
		return HEADER_LOCAL;
	return header->has_addresses ? HEADER_PROXIED : HEADER_UNKNOWN;
}

void
admission_admit_proxied(struct admission *admission, struct ledger *ledger, int fd,
    const struct address *proxy, const struct proxy_header *header,
    const struct welcome *welcome)
{
	const enum header_kind kind = kind_of_header(header, proxy);
	const struct conn_via via = { .proxy = *proxy, .is_quiet = kind == HEADER_LOCAL };
	struct conn *conn;

	end_preamble(admission, ledger, proxy);
	counter_add(&ledger->headers[kind], 1);
	conn = admit(admission, ledger, fd, header->has_addresses ? &header->source : proxy, &via,
	    welcome);
	if (conn == NULL) {
		admission->left(admission->owner);
		return;
	}
	if (!via.is_quiet && log_wants(LOG_INFO))
		log_opened_by_proxy(ledger, conn, header);
	serve(admission, ledger, conn);
}

/* --- settling ------------------------------------------------------------------------------ */

/* The worker has counted it. */
static void
tell_fault(struct ledger *ledger, const struct conn *conn)
{
	const enum tls_fault fault = conn_tls_fault(conn);
	char text[ADDRESS_TEXT_SIZE];

	if (ledger_blame(ledger, fault, conn_peer(conn), clock_ms()))
		log_notice("TLS failed: peer=%s listener=%s reason=%s",
		    address_format(conn_peer(conn), text), ledger->name, tls_fault_name(fault));
}

static void
leave_books(struct admission *admission, const struct conn *conn)
{
	const struct branch *branch = conn_branch(conn);

	admission->open--;
	admission->tied -= conn_is_tied(conn);
	counter_subtract(&branch->ledger->open, 1);
	sources_leave(admission->sources, conn_peer(conn), clock_ms());
	workers_count_closed(admission->workers, ledger_worker(branch));
}

void
admission_settle(struct admission *admission, struct conn *conn)
{
	struct ledger *ledger = conn_branch(conn)->ledger;

	leave_books(admission, conn);
	counter_add(&ledger->closed[conn_reason(conn)], 1);
	histogram_add(ledger->ages, &age_scale, (uint64_t)conn_age(conn, clock_ms()));
	if (conn_reason(conn) == CLOSE_TLS)
		tell_fault(ledger, conn);
	conn_free(conn);
	admission->left(admission->owner);
}

/* --- from one process to another ------------------------------------------------------------ */

void
admission_adopt(struct admission *admission, struct conn *conn)
{
	conn_post_packed(conn, enter_books(admission, conn));
}

void
admission_let_go(struct admission *admission, struct conn *conn)
{
	leave_books(admission, conn);
	conn_free(conn);
}

void
admission_adopt_preamble(struct admission *admission, struct ledger *ledger)
{
	admission->open++;
	counter_add(&ledger->preambles, 1);
}

void
admission_let_go_preamble(struct admission *admission, struct ledger *ledger,
    const struct address *proxy)
{
	end_preamble(admission, ledger, proxy);
}
