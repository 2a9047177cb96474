/* What gets no answer, for the log: see drops.h. */
#include "daemon/datagram/drops.h"

#include <event2/event.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/address.h"

/* --- noting ------------------------------------------------------------------------ */

static bool
has_source(const struct address *peer)
{
	return peer->sa.sa_family == AF_INET || peer->sa.sa_family == AF_INET6;
}

void
drops_note(struct drops *drops, enum drop_reason reason, const struct msghdr *header, size_t size)
{
	char text[ADDRESS_TEXT_SIZE];
	struct address peer;

	drops->noted = true;
	if (header == NULL) {
		vote_abstain(&drops->votes[reason]);
		return;
	}
	address_from_sockaddr(&peer, header->msg_name, header->msg_namelen);
	if (has_source(&peer))
		vote_cast(&drops->votes[reason], source_name(&peer));
	else
		vote_abstain(&drops->votes[reason]);
	log_debug("datagram dropped: peer=%s listener=%s reason=%s bytes=%zu",
	    address_format(&peer, text), drops->ledger->name, drop_reason_names[reason], size);
}

/* --- handing over ------------------------------------------------------------------- */

static void
on_report(void *control, struct letter *letter)
{
	struct drops *drops =
	    (struct drops *)(void *)((char *)letter - offsetof(struct drops, letter));

	(void)control;
	ledger_drop(drops->ledger, drops->report, clock_ms());
	atomic_store_explicit(&drops->is_away, false, memory_order_release);
}

/* Where the control thread has not read the last one yet, what was noted waits for the next. */
static void
hand_over(struct drops *drops)
{
	if (atomic_load_explicit(&drops->is_away, memory_order_acquire))
		return;
	memcpy(drops->report, drops->votes, sizeof(drops->report));
	memset(drops->votes, 0, sizeof(drops->votes));
	drops->noted = false;
	atomic_store_explicit(&drops->is_away, true, memory_order_relaxed);
	inbox_post(drops->loop->home, &drops->letter, on_report);
}

void
drops_report(struct drops *drops)
{
	if (!drops->noted || event_pending(&drops->rest, EV_TIMEOUT, NULL))
		return;
	hand_over(drops);
	loop_set_timer(&drops->rest, DROPS_REST);
}

static void
on_rested(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	drops_report(arg);
}

/* --- life ---------------------------------------------------------------------------- */

void
drops_open(struct drops *drops, struct loop *loop)
{
	drops->loop = loop;
	event_assign(&drops->rest, loop->base, -1, 0, on_rested, drops);
}

void
drops_close(struct drops *drops)
{
	event_del(&drops->rest);
}

void
drops_settle(struct drops *drops)
{
	ledger_drop(drops->ledger, drops->votes, clock_ms());
}
