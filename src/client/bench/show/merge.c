/* Results of several clients as one: see merge.h. */
#include "client/bench/show/merge.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "client/bench/show/read.h"

/* Days: more than that between two runs is a clock that was never set. */
#define APART_MOST 30

/* Returns the index of a run in `runs` that is one of `result` too, or `count`. */
static size_t
find_run(const uint64_t *runs, size_t count, const struct bench_result *result)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < result->clients; j++)
			if (runs[i] == result->runs[j])
				return i;
	return count;
}

/* Writes what does not go with `first`. */
static bool
check(const struct bench_result *merged, const struct bench_result *next, const char *first,
    char fault[BENCH_READ_FAULT_SIZE])
{
	if (strcmp(merged->asked.target, next->asked.target) != 0)
		snprintf(fault, BENCH_READ_FAULT_SIZE, "uri: is %.90s, and of %.90s it is not",
		    next->asked.target, first);
	else if ((merged->asked.rate > 0) != (next->asked.rate > 0))
		snprintf(fault, BENCH_READ_FAULT_SIZE, "asked.rate: one kept to a rate, and the"
		    " other did not: their latencies are not alike");
	else if (find_run(merged->runs, merged->clients, next) < merged->clients)
		snprintf(fault, BENCH_READ_FAULT_SIZE, "runs: this run is in a file before it");
	else if (fabs(merged->started - next->started) > APART_MOST * 86400.0)
		snprintf(fault, BENCH_READ_FAULT_SIZE, "started: more than %d days from the others",
		    APART_MOST);
	return *fault == '\0';
}

/* Takes over `next`.  Returns NULL where they do not add up; `merged` is then freed. */
static struct bench_result *
add(struct bench_result *merged, struct bench_result *next, const char *first,
    char fault[BENCH_READ_FAULT_SIZE])
{
	if (merged == NULL)
		return next;
	if (check(merged, next, first, fault) && !bench_result_add_client(merged, next))
		snprintf(fault, BENCH_READ_FAULT_SIZE, "more than %d runs, or %s",
		    BENCH_CLIENTS_MAX, strerror(ENOMEM));
	bench_result_free(next);
	if (*fault == '\0')
		return merged;
	bench_result_free(merged);
	return NULL;
}

struct bench_result *
bench_merge(char *const *paths, size_t count, char fault[BENCH_MERGE_FAULT_SIZE])
{
	char what[BENCH_READ_FAULT_SIZE] = "";
	struct bench_result *merged = NULL;

	for (size_t i = 0; i < count; i++) {
		struct bench_result *next = bench_read_file(paths[i], what);

		if (next == NULL)
			bench_result_free(merged);
		merged = next != NULL ? add(merged, next, paths[0], what) : NULL;
		if (merged == NULL) {
			snprintf(fault, BENCH_MERGE_FAULT_SIZE, "%.*s: %s",
			    BENCH_MERGE_FAULT_SIZE - BENCH_READ_FAULT_SIZE - 3, paths[i], what);
			return NULL;
		}
	}
	return merged;
}
