/*
 * A run of bench: the first connection tells whether there is anybody, workers open the others,
 * and when all of them have, all begin at once.
 */
#ifndef CLIENT_BENCH_LOAD_LOAD_H
#define CLIENT_BENCH_LOAD_LOAD_H

#include "client/bench/load/plan.h"
#include "client/bench/result.h"
#include "client/ending.h"

/* How far it is, for whoever watches. */
struct load_progress {
	bool runs;       /* all connections are open that will be */
	double elapsed;  /* seconds of what is counted, below 0 before; until it runs, since it connects */
	double whole;    /* that there are to be; 0: not known */
	size_t open;     /* connections, now */
	uint64_t errors; /* so far, also before anything is counted */
	struct bench_clock *clock; /* rows of the seconds that are over */
};

/* It is called some times a second. */
typedef void load_watch(void *arg, const struct load_progress *progress);

/*
 * Runs `plan`, and fills `result`, which is new, but for what was asked for.  Returns ENDING_DONE;
 * ENDING_INTERRUPTED by SIGINT, or where stdout has failed, the result being what was so far;
 * ENDING_FAILED where all connections were lost before its end; or why nobody is there to talk to,
 * and in *fault in words, which last until the next call.  Watches both for itself: nobody else may.
 */
enum ending load_run(const struct plan *plan, struct bench_result *result, load_watch *watch,
    void *arg, const char **fault);

#endif
