/* When the messages of an open loop are due: see schedule.h. */
#include "client/bench/load/schedule.h"

void
schedule_begin(struct schedule *schedule, int64_t begin, double rate, uint64_t connections,
    uint64_t first, uint64_t step)
{
	*schedule = (struct schedule){
		.begin = begin,
		.interval = 1e9 / rate,
		.connections = connections,
		.first = first,
		.step = step,
		.connection = first,
	};
}

uint64_t
schedule_take(struct schedule *schedule)
{
	const uint64_t taken = schedule->connection;

	schedule->connection += schedule->step;
	if (schedule->connection >= schedule->connections) {
		schedule->connection = schedule->first;
		schedule->round++;
	}
	return taken;
}
