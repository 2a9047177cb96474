/* A run of bench: see load.h. */
#include "client/bench/load/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "client/bench/load/worker.h"
#include "client/interrupt.h"
#include "client/measure/message.h"
#include "client/report.h"
#include "client/standard.h"
#include "client/timing.h"
#include "client/tls/told.h"
#include "client/transport/reach.h"

/* How often whoever watches is called. */
static const struct timeval watch_interval = { 0, 200000 };

struct load {
	const struct plan *plan;
	struct bench_result *result;
	load_watch *watch;
	void *arg;
	struct event_base *base;
	struct event *reported, *ticker;
	int reported_fd;
	struct bench_clock *clock;
	struct worker *workers;
	unsigned made;    /* workers to be disposed of */
	unsigned started; /* that have a thread */
	unsigned awaited; /* that are not ready, or not at their end */
	bool runs, interrupted;
	int64_t begun; /* to connect */
	struct times times;
	struct payload payload;
	atomic_uint manned; /* workers that have a link */
};

/* --- the times --------------------------------------------------------------------------- */

/* For what part of the run the last messages may fly behind its end, which changes no rate. */
#define LATE_PART 1000

/* Whatever is asked for: the end of a run may be further away than there is time. */
static int64_t
after(int64_t begin, double nanoseconds)
{
	return nanoseconds < (double)(INT64_MAX - begin) ? begin + (int64_t)nanoseconds : INT64_MAX;
}

/* Messages of an open loop are counted in whole intervals, so that their number is exact. */
static struct times
times_of(const struct plan *plan, int64_t begin)
{
	struct times times = { begin, begin + timing_nanoseconds(plan->warm_up), INT64_MAX, INT64_MAX };
	double before, count;

	if (plan->rate > 0) {
		before = (double)(uint64_t)(plan->warm_up * plan->rate + 0.5);
		count = plan->messages > 0 ? (double)plan->messages
		    : (double)(uint64_t)(plan->seconds * plan->rate + 0.5);
		times.from = begin + (int64_t)(1e9 / plan->rate * before);
		times.end = after(begin, 1e9 / plan->rate * (before + count));
	} else if (plan->messages == 0) {
		times.end = times.from + timing_nanoseconds(plan->seconds);
	}
	if (times.end != INT64_MAX)
		times.late = after(times.end, (double)(times.end - times.from) / LATE_PART);
	return times;
}

/* When Unix time was `at`. */
static double
unix_time(int64_t at)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9 - timing_seconds(timing_now() - at);
}

/* --- what workers and signals say ---------------------------------------------------------- */

/* From a worker's thread. */
static void
report(void *arg)
{
	eventfd_write(((const struct load *)arg)->reported_fd, 1);
}

static void
begin(struct load *load)
{
	load->runs = true;
	load->awaited = load->started;
	load->times = times_of(load->plan, timing_now());
	load->result->started = unix_time(load->times.from);
	for (unsigned i = 0; i < load->started; i++)
		load_worker_run(&load->workers[i], &load->times);
}

static void
on_reported(evutil_socket_t fd, short what, void *arg)
{
	struct load *load = arg;
	eventfd_t count = 0;

	(void)what;
	eventfd_read(fd, &count);
	load->awaited -= (unsigned)count;
	if (load->awaited == 0 && !load->runs && !load->interrupted)
		begin(load);
	else if (load->awaited == 0)
		event_base_loopbreak(load->base);
}

/* What a worker has reported already, once, counts for its end. */
static void
on_interrupt(void *arg)
{
	struct load *load = arg;

	load->interrupted = true;
	for (unsigned i = 0; i < load->started; i++)
		load_worker_stop(&load->workers[i]);
	event_base_loopbreak(load->base);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	const struct load *load = arg;
	const struct plan *plan = load->plan;
	struct load_progress progress = { .runs = load->runs, .clock = load->clock };

	(void)fd;
	(void)what;
	progress.elapsed = timing_seconds(timing_now() -
	    (load->runs ? load->times.from : load->begun));
	progress.whole = plan->seconds > 0 ? plan->seconds :
	    plan->rate > 0 ? (double)plan->messages / plan->rate : 0;
	for (unsigned i = 0; i < load->started; i++) {
		progress.open += load->workers[i].open;
		progress.errors += load->workers[i].errors;
	}
	load->watch(load->arg, &progress);
}

/* --- the first connection -------------------------------------------------------------------- */

static void
on_early_interrupt(void *arg)
{
	event_base_loopbreak(arg);
}

/* It becomes the first link's.  Returns ENDING_DONE, or why not. */
static enum ending
reach_first_link(struct load *load, const char **fault)
{
	struct worker *worker = &load->workers[0];
	struct link *link = &worker->links[0];
	enum ending ending;

	link->channel = channel_new(worker->base, load->plan->wish);
	if (link->channel == NULL ||
	    !interrupt_watch(worker->base, on_early_interrupt, worker->base) ||
	    !standard_watch(worker->base, on_early_interrupt, worker->base))
		report_unusable("cannot start: %s", strerror(errno));
	if (load->plan->source_count > 0)
		channel_set_source(link->channel, &load->plan->sources[0]);
	link->since = timing_now();
	ending = reach_once(worker->base, link->channel, load->plan->wish, fault);
	interrupt_unwatch();
	standard_unwatch();
	return ending;
}

/* All links go where the first one went, which a run of short ones does not need any more. */
static void
hand_over_first_link(struct load *load)
{
	struct worker *first = &load->workers[0];
	struct link *link = &first->links[0];
	const struct address peer = channel_address(link->channel);

	for (unsigned i = 0; i < load->made; i++)
		load->workers[i].peer = peer;
	channel_peer(link->channel, load->result->address);
	load->result->tls = tls_told_json(link->channel);
	first->result->counts[BENCH_CONNECTS]++;
	first->begun = 1;
	link_opened(link);
}

/* --- start and end --------------------------------------------------------------------------- */

static bool
prepare(struct load *load)
{
	const struct plan *plan = load->plan;

	payload_init(&load->payload, message_token());
	load->result->runs[0] = load->payload.token;
	load->reported_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	load->base = timing_base_new(false);
	load->clock = bench_clock_new(plan->threads);
	load->workers = calloc(plan->threads, sizeof(*load->workers));
	if (load->reported_fd == -1 || load->clock == NULL || load->workers == NULL)
		return false;
	load->reported = event_new(load->base, load->reported_fd, EV_READ | EV_PERSIST, on_reported, load);
	load->ticker = event_new(load->base, -1, EV_PERSIST, on_tick, load);
	for (; load->made < plan->threads; load->made++) {
		struct worker *worker = &load->workers[load->made];

		if (!load_worker_init(worker, load->made, plan, &load->payload, load->clock))
			return false;
		load->manned += worker->alive > 0;
		worker->manned = &load->manned;
		worker->report = report;
		worker->arg = load;
	}
	return load->reported != NULL && load->ticker != NULL &&
	    event_add(load->reported, NULL) == 0 && event_add(load->ticker, &watch_interval) == 0;
}

static void
dispose(struct load *load)
{
	for (unsigned i = 0; i < load->made; i++)
		load_worker_dispose(&load->workers[i]);
	free(load->workers);
	bench_clock_free(load->clock);
	if (load->reported != NULL)
		event_free(load->reported);
	if (load->ticker != NULL)
		event_free(load->ticker);
	event_base_free(load->base);
	if (load->reported_fd != -1)
		close(load->reported_fd);
}

static void
start(struct load *load)
{
	load->awaited = load->plan->threads;
	load->begun = timing_now();
	for (; load->started < load->plan->threads; load->started++) {
		const int error = load_worker_start(&load->workers[load->started]);

		if (error != 0)
			report_unusable("cannot start: %s", strerror(error));
	}
}

/* When what is counted was over: at its end, or when the last message came back, if that was late. */
static int64_t
over_of(const struct load *load)
{
	const struct times *times = &load->times;
	int64_t over = times->from, last = times->from;

	for (unsigned i = 0; i < load->started; i++) {
		const struct worker *worker = &load->workers[i];

		if (worker->over > over)
			over = worker->over;
		if (worker->last > last)
			last = worker->last;
	}
	if (last > over || last >= times->late)
		over = last;
	return over > times->end && last < times->late ? times->end : over;
}

static void
collect(struct load *load)
{

	for (unsigned i = 0; i < load->started; i++) {
		struct worker *worker = &load->workers[i];

		load_worker_join(worker);
		bench_result_add_thread(load->result, worker->result);
	}
	bench_clock_take(load->clock, &load->result->seconds);
	load->result->elapsed = load->runs ? timing_seconds(over_of(load) - load->times.from) : 0;
}

/* True where no connection was left for what was still to be sent. */
static bool
is_cut_off(const struct load *load)
{
	for (unsigned i = 0; i < load->started; i++)
		if (!load->workers[i].is_cut_off)
			return false;
	return true;
}

static enum ending
work(struct load *load)
{
	hand_over_first_link(load);
	if (!interrupt_watch(load->base, on_interrupt, load) ||
	    !standard_watch(load->base, on_interrupt, load))
		report_unusable("cannot start: %s", strerror(errno));
	start(load);
	event_base_dispatch(load->base);
	collect(load);
	interrupt_unwatch();
	standard_unwatch();
	if (load->interrupted)
		return ENDING_INTERRUPTED;
	return is_cut_off(load) ? ENDING_FAILED : ENDING_DONE;
}

enum ending
load_run(const struct plan *plan, struct bench_result *result, load_watch *watch, void *arg,
    const char **fault)
{
	struct load *load = calloc(1, sizeof(*load));
	enum ending ending;

	if (load == NULL)
		report_unusable("%s", strerror(errno));
	*load = (struct load){ .plan = plan, .result = result, .watch = watch, .arg = arg,
	    .reported_fd = -1 };
	*fault = NULL;
	if (!prepare(load))
		report_unusable("cannot start: %s", strerror(ENOMEM));
	ending = reach_first_link(load, fault);
	if (ending == ENDING_DONE)
		ending = work(load);
	dispose(load);
	free(load);
	return ending;
}
