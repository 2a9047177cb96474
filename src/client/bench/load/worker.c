/* A worker of bench: see worker.h. */
#include "client/bench/load/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "client/timing.h"

/* How long the end of connections is waited for, and how long until an open is tried again: ns. */
#define ENDING_PATIENCE INT64_C(1000000000)
#define OPEN_PAUSE INT64_C(1000000)

/*
 * How much earlier a thread wakes up for a message, whose code and data are cold by then, and for
 * what part of the time at most: ns.
 */
#define LEAD INT64_C(20000)
#define LEAD_PART 10

/* How often links are looked at: ns. */
#define TICK_LEAST INT64_C(5000000)
#define TICK_MOST INT64_C(100000000)

static double
cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void
set_stage(struct worker *worker, enum worker_stage stage)
{
	const int64_t now = timing_now();

	if (worker->stage == WORKER_RUNNING) {
		worker->over = now;
		worker->tick.row.connections = worker->open;
	}
	worker->stage = stage;
	worker->since = now;
}

/* What there is to do for a stage is done in its turn, and not in that of whoever notices. */
static void
turn_soon(struct worker *worker)
{
	event_active(worker->pace, EV_TIMEOUT, 0);
}

void
load_worker_settle(struct worker *worker)
{
	worker->opening--;
	turn_soon(worker);
}

void
load_worker_unawait(struct worker *worker, size_t count)
{
	worker->awaited -= count;
	if (worker->awaited == 0 || worker->left == 0)
		turn_soon(worker);
}

void
load_worker_bury(struct worker *worker)
{
	worker->alive--;
	if (worker->alive > 0)
		return;
	atomic_fetch_sub(worker->manned, 1);
	turn_soon(worker);
}

/* --- the stages -------------------------------------------------------------------------- */

/* When the next link is to be opened: `begun` are, and the first was when it was started. */
static int64_t
next_opening(const struct worker *worker)
{
	const double nth = (double)(worker->begun * worker->plan->threads + worker->index);

	return worker->since + (int64_t)(nth * 1e9 / worker->plan->ramp);
}

static void
open_links(struct worker *worker, int64_t now)
{
	int64_t next = 0;

	while (worker->begun < worker->count && (next = next_opening(worker)) <= now) {
		if (!link_open(&worker->links[worker->begun], next)) {
			timing_arm(worker->pace, now + OPEN_PAUSE);
			return;
		}
		worker->begun++;
	}
	if (worker->begun < worker->count) {
		timing_arm(worker->pace, next);
	} else if (worker->opening == 0) {
		set_stage(worker, WORKER_READY);
		worker->report(worker->arg);
	}
}

/* Counting begins. */
static void
begin_counting(struct worker *worker)
{
	worker->cpu_before = cpu_seconds();
	worker->is_counting = true;
}

static int64_t
lead_of(const struct worker *worker)
{
	return worker->plan->rate > 0 && worker->schedule.interval * (double)worker->plan->threads >=
	    (double)(LEAD * LEAD_PART) ? LEAD : 0;
}

static void
plan_messages(struct worker *worker, int64_t now)
{
	const struct plan *plan = worker->plan;
	int64_t next = schedule_next(&worker->schedule);

	while (next > now && next - now <= lead_of(worker))
		now = timing_now();
	while ((next = schedule_next(&worker->schedule)) <= now && next < worker->times.end)
		link_plan(&worker->links[schedule_take(&worker->schedule) / plan->threads]);
}

/* When the next thing happens by itself. */
static int64_t
next_time(const struct worker *worker)
{
	int64_t next = worker->times.end;

	if (worker->plan->rate > 0 && schedule_next(&worker->schedule) < next)
		next = schedule_next(&worker->schedule);
	if (!worker->is_counting && worker->times.from < next)
		next = worker->times.from;
	return next;
}

/* What is due on a link that is no more is not sent, for as long as others of the load go on. */
static bool
is_over(const struct worker *worker, int64_t now)
{
	return now >= worker->times.end || worker->left == 0 || (worker->is_cut_off &&
	    (worker->plan->rate == 0 || atomic_load(worker->manned) == 0));
}

static void
run(struct worker *worker, int64_t now)
{
	if (!worker->is_counting && now >= worker->times.from)
		begin_counting(worker);
	if (worker->plan->rate > 0)
		plan_messages(worker, now);
	worker->is_cut_off = worker->alive == 0;
	if (is_over(worker, now))
		set_stage(worker, WORKER_DRAINING);
	else if (next_time(worker) != INT64_MAX && !worker->plan->spin)
		timing_arm(worker->pace, next_time(worker) - lead_of(worker));
}

static void
end_links(struct worker *worker)
{
	set_stage(worker, WORKER_ENDING);
	for (size_t i = 0; i < worker->count && worker->is_stream; i++)
		if (worker->links[i].state == LINK_OPEN)
			link_end(&worker->links[i]);
}

/* Goes on with whatever its stage has to do. */
static void
turn(struct worker *worker)
{
	const int64_t now = timing_now();

	if (worker->stage == WORKER_OPENING)
		open_links(worker, now);
	if (worker->stage == WORKER_RUNNING)
		run(worker, now);
	if (worker->stage == WORKER_DRAINING && worker->awaited == 0)
		end_links(worker);
	if (worker->stage == WORKER_ENDING &&
	    (worker->awaited == 0 || now - worker->since > ENDING_PATIENCE))
		set_stage(worker, WORKER_STOPPED);
	if (worker->stage == WORKER_STOPPED)
		event_base_loopbreak(worker->base);
}

static void
on_pace(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	turn(arg);
}

/* --- ticks ------------------------------------------------------------------------------- */

static void
hand_in(struct worker *worker)
{
	if (worker->stage == WORKER_RUNNING)
		worker->tick.row.connections = worker->open;
	bench_clock_hand(worker->clock, worker->second++, &worker->tick);
}

void
load_worker_hand_in(struct worker *worker, int64_t now)
{
	while (worker->is_counting && worker->times.from +
	    (int64_t)(worker->second + 1) * INT64_C(1000000000) <= now)
		hand_in(worker);
}

/* What still comes is of the last second, where no message comes back late. */
static void
hand_in_until(struct worker *worker, int64_t now)
{
	load_worker_hand_in(worker, now < worker->times.end ? now : worker->times.end - 1);
}

/* What was due is sent for a while after the end, and no longer. */
static void
cancel_late(struct worker *worker, int64_t now)
{
	if (now - worker->since <= timing_nanoseconds(worker->plan->wait))
		return;
	for (size_t i = 0; i < worker->count; i++)
		link_cancel(&worker->links[i]);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;
	const int64_t now = timing_now();

	(void)fd;
	(void)what;
	hand_in_until(worker, now);
	for (size_t i = 0; i < worker->count; i++)
		link_look(&worker->links[i], now);
	if (worker->stage == WORKER_DRAINING)
		cancel_late(worker, now);
	if (worker->stage >= WORKER_ENDING || worker->is_cut_off)
		turn(worker);
}

static struct timeval
tick_of(const struct plan *plan)
{
	const int64_t part = timing_nanoseconds(plan->wait) / 20;

	return timing_timeval(timing_seconds(
	    part < TICK_LEAST ? TICK_LEAST : part > TICK_MOST ? TICK_MOST : part));
}

/* --- the thread -------------------------------------------------------------------------- */

static void
begin(struct worker *worker)
{
	const struct plan *plan = worker->plan;

	if (plan->rate > 0)
		schedule_begin(&worker->schedule, worker->times.begin, plan->rate,
		    plan->connections, worker->index, plan->threads);
	worker->result->fault.at -= worker->times.from;
	set_stage(worker, WORKER_RUNNING);
	for (size_t i = 0; i < worker->count; i++) {
		struct link *link = &worker->links[i];

		for (size_t place = 0; place < plan->in_flight; place++)
			link->freed[place] = worker->times.begin;
	}
	turn(worker);
	for (size_t i = 0; i < worker->count; i++)
		link_push(&worker->links[i]);
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;
	eventfd_t nothing;

	(void)what;
	eventfd_read(fd, &nothing);
	if (atomic_load(&worker->told_stop))
		set_stage(worker, WORKER_STOPPED);
	else if (worker->stage == WORKER_READY) {
		worker->times = worker->told_times;
		begin(worker);
	}
	turn(worker);
}

/* Timers are looked at in each round, as if they were descriptors. */
static void
spin(struct worker *worker)
{
	while (worker->stage < WORKER_DRAINING) {
		event_base_loop(worker->base, EVLOOP_NONBLOCK);
		if (worker->stage == WORKER_RUNNING && timing_now() >= next_time(worker))
			turn(worker);
	}
}

static void
close_links(struct worker *worker)
{
	for (size_t i = 0; i < worker->count; i++)
		if (worker->links[i].state != LINK_CLOSED)
			link_give_up(&worker->links[i]);
}

static void *
work(void *arg)
{
	struct worker *worker = arg;

	/* Nobody cancels a thread; by default the C library would look at each recv and send. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL); /* NOLINT(cert-pos47-c) */
	turn(worker);
	if (worker->plan->spin)
		spin(worker);
	if (worker->stage < WORKER_STOPPED)
		event_base_dispatch(worker->base);
	if (worker->is_counting) {
		worker->result->cpu = cpu_seconds() - worker->cpu_before;
		hand_in_until(worker, worker->over);
		hand_in(worker);
	}
	bench_clock_leave(worker->clock, worker->second);
	if (worker->times.from == 0) /* it was stopped before there was one to tell the time from */
		worker->result->fault.at = 0;
	close_links(worker);
	worker->report(worker->arg);
	return NULL;
}

int
load_worker_start(struct worker *worker)
{
	const struct timeval tick = tick_of(worker->plan);

	set_stage(worker, WORKER_OPENING);
	if (event_add(worker->ticker, &tick) == -1)
		return ENOMEM;
	return pthread_create(&worker->thread, NULL, work, worker);
}

static void
wake(const struct worker *worker)
{
	eventfd_write(worker->wake_fd, 1);
}

void
load_worker_run(struct worker *worker, const struct times *times)
{
	worker->told_times = *times;
	wake(worker);
}

void
load_worker_stop(struct worker *worker)
{
	atomic_store(&worker->told_stop, true);
	wake(worker);
}

void
load_worker_join(struct worker *worker)
{
	pthread_join(worker->thread, NULL);
}

/* --- made and freed ------------------------------------------------------------------------ */

/* A power of two, so that the oldest datagrams are remembered for a while. */
static size_t
flights_of(const struct plan *plan)
{
	const size_t fewest = channel_is_stream(plan->wish) ? plan->in_flight + 1 :
	    plan->in_flight < 64 ? 256 : 4 * plan->in_flight;
	size_t flights = 1;

	while (flights < fewest)
		flights *= 2;
	return flights;
}

static bool
make_links(struct worker *worker)
{
	const struct plan *plan = worker->plan;
	bool made = true;

	worker->links = calloc(worker->count, sizeof(*worker->links));
	if (worker->links == NULL)
		return false;
	for (size_t i = 0; i < worker->count; i++) {
		struct link *link = &worker->links[i];

		link->worker = worker;
		link->index = worker->index + i * plan->threads;
		link->freed = calloc(plan->in_flight, sizeof(*link->freed));
		link->flights = calloc(worker->flights, sizeof(*link->flights));
		made = made && link->freed != NULL && link->flights != NULL;
		link->in_size = link_message(link, 0).size;
	}
	return made;
}

static uint64_t
share_of(uint64_t whole, unsigned threads, unsigned index)
{
	return whole / threads + (index < whole % threads ? 1 : 0);
}

bool
load_worker_init(struct worker *worker, unsigned index, const struct plan *plan,
    const struct payload *payload, struct bench_clock *clock)
{
	*worker = (struct worker){ .plan = plan, .payload = payload, .clock = clock,
	    .index = index, .is_stream = channel_is_stream(plan->wish), .left = UINT64_MAX };
	worker->count = worker->alive = (size_t)share_of(plan->connections, plan->threads, index);
	if (plan->messages > 0 && plan->rate == 0)
		worker->left = share_of(plan->messages, plan->threads, index);
	worker->flights = flights_of(plan);
	if (plan->churn)
		worker->begun = worker->count; /* each when its first message begins */
	worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	worker->base = timing_base_new(false);
	worker->result = bench_result_new();
	worker->in = aligned_alloc(LOAD_ALIGNMENT, LOAD_BUFFER);
	worker->out = aligned_alloc(LOAD_ALIGNMENT, LOAD_BUFFER);
	if (worker->wake_fd == -1 || worker->base == NULL || worker->result == NULL ||
	    worker->in == NULL || worker->out == NULL || !make_links(worker))
		return false;
	worker->wake = event_new(worker->base, worker->wake_fd, EV_READ | EV_PERSIST, on_wake, worker);
	worker->pace = evtimer_new(worker->base, on_pace, worker);
	worker->ticker = event_new(worker->base, -1, EV_PERSIST, on_tick, worker);
	return worker->wake != NULL && worker->pace != NULL && worker->ticker != NULL &&
	    event_add(worker->wake, NULL) == 0;
}

static void
free_event(struct event *event)
{
	if (event != NULL)
		event_free(event);
}

void
load_worker_dispose(struct worker *worker)
{
	for (size_t i = 0; worker->links != NULL && i < worker->count; i++) {
		channel_free(worker->links[i].channel);
		free(worker->links[i].freed);
		free(worker->links[i].flights);
	}
	free(worker->links);
	free(worker->in);
	free(worker->out);
	free_event(worker->wake);
	free_event(worker->pace);
	free_event(worker->ticker);
	if (worker->base != NULL)
		event_base_free(worker->base);
	if (worker->wake_fd != -1)
		close(worker->wake_fd);
	bench_result_free(worker->result);
}
