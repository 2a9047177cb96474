/* The one door in: see admission.h. */
#include "daemon/admission.h"

#include <unistd.h>

#include "common/log.h"

bool
admission_has_room(const struct admission *admission)
{
	return admission->open < admission->limit;
}

void
admission_admit(struct admission *admission, struct ledger *ledger, int fd,
    const struct address *peer)
{
	const size_t worker = workers_pick(admission->workers);
	struct conn *conn = conn_new(fd, peer, &ledger->traffic[worker]);
	char text[ADDRESS_TEXT_SIZE];

	ledger->accepted++;
	if (conn == NULL) {
		ledger->refused[REFUSE_MEMORY]++;
		close(fd);
		return;
	}
	ledger->open++;
	admission->open++;
	workers_count_opened(admission->workers, worker);
	log_debug("new connection from %s", address_format(peer, text));
	log_info("connection opened: peer=%s listener=%s", address_format(peer, text), ledger->name);
	worker_take_conn(workers_get(admission->workers, worker), conn);
}

void
admission_settle(struct admission *admission, struct conn *conn)
{
	struct traffic *traffic = conn_traffic(conn);

	admission->closed[conn_reason(conn)]++;
	admission->open--;
	traffic->ledger->open--;
	workers_count_closed(admission->workers, ledger_worker(traffic));
	conn_free(conn);
}
