/* The load while it runs: see watch.h. */
#include "client/bench/watch.h"

#include "client/bench/show/live.h"

void
bench_watch(void *arg, const struct load_progress *progress)
{
	const struct bench_asked *asked = &((const struct bench_result *)arg)->asked;
	const bool counts = progress->runs && progress->elapsed >= 0;
	const struct bench_second sum = bench_clock_sum(progress->clock);
	struct live_view view = { .target = asked->target, .asked = asked->connections,
	    .phase = counts ? NULL : progress->runs ? "warming up" : "connecting",
	    .elapsed = progress->runs && !counts ? progress->elapsed + asked->warm_up
	        : progress->elapsed,
	    .seconds = progress->whole, .messages = asked->messages, .echoed = sum.echoed,
	    .connections = progress->open, .errors = progress->errors, .not_sent = sum.not_sent };

	view.count = bench_clock_last(progress->clock, view.rows, LIVE_ROWS);
	live_show(&view);
}
