/* What the log tells together: see telling.h. */
#include "daemon/observe/telling.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/threads/loop.h"

#define NEVER INT64_MAX

struct telling {
	struct census *census;
	struct event *timer;
	int64_t due; /* clock_ms() when it fires; NEVER: it is not set */
	int64_t now; /* what is due by then is told */
};

static void
tell_refusals(const char *listener, const char *reason, const struct vote *vote)
{
	const struct candidate *leader = vote_leader(vote);
	const unsigned long long count = vote->total;
	char source[SOURCE_NAME_TEXT_SIZE];

	if (leader != NULL)
		log_notice("connections refused: listener=%s reason=%s count=%llu source=%s",
		    listener, reason, count, source_name_format(leader->source, source));
	else
		log_notice("connections refused: listener=%s reason=%s count=%llu", listener, reason,
		    count);
}

static void
tell_drops(const char *listener, const char *reason, const struct vote *vote)
{
	const struct candidate *leader = vote_leader(vote);
	const unsigned long long count = vote->total;
	char source[SOURCE_NAME_TEXT_SIZE];

	if (leader != NULL)
		log_notice("datagrams dropped: listener=%s reason=%s count=%llu source=%s", listener,
		    reason, count, source_name_format(leader->source, source));
	else
		log_notice("datagrams dropped: listener=%s reason=%s count=%llu", listener, reason,
		    count);
}

static void
tell_faults(const char *listener, const char *reason, const struct vote *vote)
{
	const struct candidate *leader = vote_leader(vote);
	const unsigned long long count = vote->total;
	char source[SOURCE_NAME_TEXT_SIZE];

	if (leader != NULL)
		log_notice("TLS failed: listener=%s reason=%s count=%llu source=%s", listener,
		    reason, count, source_name_format(leader->source, source));
	else
		log_notice("TLS failed: listener=%s reason=%s count=%llu", listener, reason, count);
}

/* Returns true where it is due, and then in *told.  What is due later has the timer set. */
static bool
settle(struct telling *telling, struct untold *untold, struct vote *told)
{
	if (untold_settle(untold, telling->now, told))
		return true;
	if (untold->vote.total > 0 && untold->next < telling->due)
		telling->due = untold->next;
	return false;
}

static void
tell(void *arg, struct ledger *ledger)
{
	struct telling *telling = arg;
	struct vote told;

	for (enum refuse_reason reason = 0; reason < REFUSE_REASON_COUNT; reason++)
		if (settle(telling, &ledger->refusals[reason], &told))
			tell_refusals(ledger->name, refuse_reason_name(reason), &told);
	for (enum drop_reason reason = 0; reason < DROP_REASON_COUNT; reason++)
		if (settle(telling, &ledger->drops[reason], &told))
			tell_drops(ledger->name, drop_reason_names[reason], &told);
	for (enum tls_fault fault = 0; fault < TLS_FAULT_COUNT; fault++)
		if (settle(telling, &ledger->faults[fault], &told))
			tell_faults(ledger->name, tls_fault_name(fault), &told);
}

/* Where the kernel lacks memory for the timer, the next that is untold has it set. */
static void
arm(struct telling *telling)
{
	const int64_t after = telling->due - clock_ms();

	if (telling->due != NEVER && loop_set_timer(telling->timer, after > 0 ? after : 0) == -1)
		telling->due = NEVER;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct telling *telling = arg;

	(void)fd;
	(void)what;
	telling->now = clock_ms();
	telling->due = NEVER;
	census_each_ledger(telling->census, tell, telling);
	arm(telling);
}

static void
on_expect(void *arg, int64_t due)
{
	struct telling *telling = arg;

	if (due >= telling->due)
		return;
	telling->due = due;
	arm(telling);
}

struct telling *
telling_new(struct event_base *base, struct census *census)
{
	struct telling *telling = calloc(1, sizeof(*telling));

	if (telling == NULL)
		return NULL;
	telling->census = census;
	telling->due = NEVER;
	telling->timer = evtimer_new(base, on_timer, telling);
	if (telling->timer == NULL) {
		free(telling);
		return NULL;
	}
	census_set_teller(census, on_expect, telling);
	return telling;
}

void
telling_free(struct telling *telling)
{
	if (telling == NULL)
		return;
	census_set_teller(telling->census, NULL, NULL);
	event_free(telling->timer);
	free(telling);
}

void
telling_settle(struct telling *telling)
{
	if (telling == NULL)
		return;
	telling->now = clock_ms() + LOG_LIMIT_PERIOD; /* by then all of it is due */
	census_each_ledger(telling->census, tell, telling);
}
