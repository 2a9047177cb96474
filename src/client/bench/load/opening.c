/* The beginning and the end of links: connections, their errors, and sockets for datagrams. */
#include <errno.h>

#include "client/bench/load/load_internal.h"
#include "client/ending.h"
#include "client/timing.h"

static void
set_state(struct link *link, enum link_state state)
{
	if (link->state < LINK_OPEN && state >= LINK_OPEN)
		link->worker->open++;
	else if (link->state >= LINK_OPEN && state < LINK_OPEN)
		link->worker->open--;
	link->state = state;
	link->since = timing_now();
}

static bool
has_churn(const struct link *link)
{
	return link->worker->plan->churn;
}

/* --- connecting ------------------------------------------------------------------------- */

static void
on_readable(void *arg)
{
	struct link *link = arg;

	if (link->worker->is_stream)
		stream_receive(link);
	else
		datagram_receive(link);
}

static void
on_writable(void *arg)
{
	struct link *link = arg;

	link->room = timing_now();
	if (link->state == LINK_OPEN)
		link_push(link);
}

static const struct channel_user channel_user = {
	.readable = on_readable,
	.writable = on_writable,
};

static enum bench_error
kind_of_opening(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return BENCH_ERROR_REFUSED;
	case ERROR_UNSECURED:
		return BENCH_ERROR_UNSECURED;
	case ERROR_UNGREETED:
		return BENCH_ERROR_UNGREETED;
	default:
		return BENCH_ERROR_UNREACHED;
	}
}

/* A new connection each time, over TLS too: none goes on with what another has agreed on. */
static void
close_channel(struct link *link)
{
	if (!link->worker->is_stream && link->channel != NULL)
		link->worker->result->counts[BENCH_DROPPED] += channel_dropped(link->channel);
	channel_free(link->channel);
	link->channel = NULL;
	link->is_blocked = false;
	set_state(link, LINK_CLOSED);
	link->room = link->since;
}

/* The link is closed by an error.  One of churn has its next connection, when it is looked at. */
static void
bury(struct link *link)
{
	if (!has_churn(link))
		load_worker_bury(link->worker);
}

static void
fail_to_open(struct link *link, int error)
{
	struct worker *worker = link->worker;

	if (worker->open_error == 0)
		worker->open_error = error;
	account_link_error(link, kind_of_opening(error), link->settled, error);
	close_channel(link);
	link_abandon(link, error);
	bury(link);
	load_worker_settle(worker);
}

void
link_opened(struct link *link)
{
	struct worker *worker = link->worker;

	worker->result->counts[BENCH_OPENED]++;
	histogram_record(&worker->result->times[BENCH_CONNECT], timing_now() - link->since);
	set_state(link, LINK_OPEN);
	link->heard = link->since;
	link->offset = 0;
	channel_serve(link->channel, &channel_user, link);
	channel_want_read(link->channel, true);
	link_push(link);
}

static void
on_connected(void *arg, int error)
{
	struct link *link = arg;

	if (error != 0) {
		fail_to_open(link, error);
		return;
	}
	link_opened(link);
	load_worker_settle(link->worker);
}

/* Of a Unix socket, whose queue is full.  It has as much time as other connections have to open. */
static bool
is_to_try_again(const struct link *link, int64_t due, int error)
{
	const struct channel_wish *wish = link->worker->plan->wish;

	return error == EAGAIN && !protocol_has_ports(wish->uri.protocol) &&
	    link->since - due < timing_nanoseconds(wish->timeout);
}

bool
link_open(struct link *link, int64_t due)
{
	struct worker *worker = link->worker;
	const struct plan *plan = worker->plan;
	int error = ENOMEM;

	if (link->channel == NULL)
		link->channel = channel_new(worker->base, plan->wish);
	if (link->channel != NULL && plan->source_count > 0)
		channel_set_source(link->channel,
		    &plan->sources[link->index % plan->source_count]);
	set_state(link, LINK_CONNECTING);
	if (link->channel != NULL)
		error = channel_connect(link->channel, &worker->peer, on_connected, link);
	if (is_to_try_again(link, due, error)) {
		set_state(link, LINK_CLOSED);
		return false;
	}
	worker->result->counts[BENCH_CONNECTS]++;
	worker->opening++;
	if (error != 0)
		fail_to_open(link, error);
	return true;
}

/* --- the end ---------------------------------------------------------------------------- */

void
link_end(struct link *link)
{
	set_state(link, LINK_ENDING);
	link->worker->awaited++;
	channel_shut_down(link->channel);
}

/* All came back, and the peer has closed its side too. */
static void
finish(struct link *link)
{
	close_channel(link);
	load_worker_unawait(link->worker, 1);
	if (!has_churn(link))
		return;
	link->worker->result->counts[BENCH_CHURNED]++;
	link_push(link);
}

static enum bench_error
kind_of_loss(int error)
{
	switch (error) {
	case 0:
		return BENCH_ERROR_CLOSED;
	case ERROR_CUT:
		return BENCH_ERROR_CUT;
	case ERROR_UNSECURED:
		return BENCH_ERROR_UNSECURED;
	case ECONNRESET:
	case EPIPE:
		return BENCH_ERROR_RESET;
	default:
		return BENCH_ERROR_BROKEN;
	}
}

static void
fail(struct link *link, enum bench_error kind, int error)
{
	const bool was_ending = link->state == LINK_ENDING;

	account_link_error(link, kind, link->settled, error);
	close_channel(link);
	link_abandon(link, error);
	if (was_ending)
		load_worker_unawait(link->worker, 1);
	bury(link);
}

/* At the end of a run it makes no difference how a connection ends on which all came back. */
void
link_lose(struct link *link, int error)
{
	if (link->suspicion != NULL)
		suspicion_settle(link);
	else if (link->state == LINK_ENDING && (error == 0 || !has_churn(link)))
		finish(link);
	else
		fail(link, kind_of_loss(error), error);
}

void
link_lose_mute(struct link *link)
{
	fail(link, BENCH_ERROR_MUTE, ETIMEDOUT);
}

void
link_give_up(struct link *link)
{
	const bool was_ending = link->state == LINK_ENDING;

	if (link->suspicion != NULL) {
		suspicion_settle(link);
		return;
	}
	close_channel(link);
	link_forget(link);
	if (!has_churn(link))
		link_cancel(link);
	if (was_ending)
		load_worker_unawait(link->worker, 1);
	bury(link);
}
