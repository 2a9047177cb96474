/*
 * What the load says of itself while it runs, made fit for the live view.
 */
#ifndef CLIENT_BENCH_WATCH_H
#define CLIENT_BENCH_WATCH_H

#include "client/bench/load/load.h"
#include "client/bench/result.h"

/* A load_watch whose `arg` is the result, of which it reads what was asked for. */
void bench_watch(void *arg, const struct load_progress *progress);

#endif
