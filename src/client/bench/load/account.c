/* What a worker counts: see load_internal.h. */
#include "client/bench/load/load_internal.h"

#include "client/timing.h"

/* What was due before counting began, or never, is not counted. */
static bool
counts(const struct worker *worker, const struct flight *flight)
{
	return flight->planned >= worker->times.from;
}

void
account_sent(struct worker *worker, const struct flight *flight, int64_t freed, size_t size)
{
	if (!counts(worker, flight))
		return;
	worker->result->counts[BENCH_SENT]++;
	worker->result->counts[BENCH_SENT_BYTES] += size;
	worker->tick.row.sent++;
	histogram_record(&worker->result->times[BENCH_SLIP],
	    flight->sent - later(flight->planned, freed));
}

void
account_echoed(struct worker *worker, const struct flight *flight, int64_t now, size_t size)
{
	struct bench_result *result = worker->result;

	if (!counts(worker, flight))
		return;
	if (now >= worker->times.late)
		load_worker_hand_in(worker, now);
	worker->last = now;
	result->counts[BENCH_ECHOED]++;
	result->counts[BENCH_ECHOED_BYTES] += size;
	worker->tick.row.echoed++;
	worker->tick.row.echoed_bytes += size;
	histogram_record(&result->times[BENCH_CORRECTED], now - flight->planned);
	histogram_record(&result->times[BENCH_UNCORRECTED], now - flight->sent);
	histogram_record(&worker->tick.corrected, now - flight->planned);
}

void
account_undecided(struct worker *worker, const struct flight *flight)
{
	if (counts(worker, flight))
		worker->result->counts[BENCH_UNDECIDED]++;
}

void
account_not_sent(struct worker *worker, int64_t planned)
{
	if (planned < worker->times.from)
		return;
	worker->result->counts[BENCH_NOT_SENT]++;
	worker->tick.row.not_sent++;
}

void
account_cut_short(struct worker *worker, const struct flight *flight, size_t size)
{
	if (!counts(worker, flight))
		return;
	worker->result->counts[BENCH_SENT]--;
	worker->result->counts[BENCH_SENT_BYTES] -= size;
	account_not_sent(worker, flight->planned);
}

void
account_missing(const struct link *link, const struct flight *flight, int error)
{
	if (counts(link->worker, flight))
		account_link_error(link, BENCH_ERROR_MISSING, flight->number, error);
}

void
account_error(struct worker *worker, enum bench_error kind, struct bench_fault fault)
{
	fault.at = timing_now() - worker->times.from;
	worker->tick.row.errors++;
	worker->errors++;
	bench_result_fault(worker->result, kind, &fault);
}

void
account_link_error(const struct link *link, enum bench_error kind, uint64_t message, int error)
{
	account_error(link->worker, kind, (struct bench_fault){ .connection = link->index,
	    .message = message, .offset = link->offset + link->in, .error = error,
	    .has_offset = link->state >= LINK_OPEN && channel_is_stream(link->worker->plan->wish) });
}
