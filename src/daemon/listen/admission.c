/* The one door in: see admission.h. */
#include "daemon/listen/admission.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

bool
admission_has_room(const struct admission *admission)
{
	return admission->open < admission->limit;
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
static void
refuse(struct ledger *ledger, enum refuse_reason reason, int fd, const struct address *peer)
{
	static const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
	admission_count_refusal(ledger, reason, peer);
}

/* --- admitting and settling ------------------------------------------------------------ */

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
serve(struct admission *admission, struct ledger *ledger, struct conn *conn, size_t worker)
{
	char text[ADDRESS_TEXT_SIZE];

	ledger->accepted++;
	ledger->open++;
	admission->open++;
	workers_count_opened(admission->workers, worker);
	log_debug("new connection from %s", address_format(conn_peer(conn), text));
	log_info("connection opened: peer=%s listener=%s", address_format(conn_peer(conn), text),
	    ledger->name);
	conn_post(conn, workers_get(admission->workers, worker));
}

void
admission_admit(struct admission *admission, struct ledger *ledger, int fd,
    const struct address *peer)
{
	const size_t worker = workers_pick(admission->workers);
	enum source_verdict verdict;
	struct conn *conn;

	if (!acl_allows(admission->acl, peer)) {
		refuse(ledger, REFUSE_DENIED, fd, peer);
		return;
	}
	verdict = sources_enter(admission->sources, peer, clock_ms());
	if (verdict != SOURCE_ENTERED && verdict != SOURCE_UNLIMITED) {
		refuse(ledger, reason_of(verdict), fd, peer);
		return;
	}
	conn = conn_new(fd, peer, &ledger->branches[worker]);
	if (conn == NULL) {
		if (verdict == SOURCE_ENTERED)
			sources_leave(admission->sources, peer, clock_ms());
		refuse(ledger, REFUSE_MEMORY, fd, peer);
		return;
	}
	conn_set_counted(conn, verdict == SOURCE_ENTERED);
	serve(admission, ledger, conn, worker);
}

void
admission_settle(struct admission *admission, struct conn *conn)
{
	struct branch *branch = conn_branch(conn);

	admission->open--;
	branch->ledger->open--;
	branch->ledger->closed[conn_reason(conn)]++;
	if (conn_is_counted(conn))
		sources_leave(admission->sources, conn_peer(conn), clock_ms());
	workers_count_closed(admission->workers, ledger_worker(branch));
	conn_free(conn);
}
