/* Results of several clients as one: see merge.h. */
#include "client/bench/show/merge.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/bench/show/read.h"

/* Days: more than that between two runs is a clock that was never set. */
#define APART_MOST 30

struct file {
	const char *path;
	struct bench_result *result;
};

static bool
have_a_run_in_common(const struct bench_result *a, const struct bench_result *b)
{
	for (size_t i = 0; i < a->clients; i++)
		for (size_t j = 0; j < b->clients; j++)
			if (a->runs[i] == b->runs[j])
				return true;
	return false;
}

/* Writes what does not go with one before it. */
static bool
check(const struct file *before, const struct bench_result *next, char fault[BENCH_READ_FAULT_SIZE])
{
	const struct bench_result *result = before->result;

	if (strcmp(result->asked.target, next->asked.target) != 0)
		snprintf(fault, BENCH_READ_FAULT_SIZE, "uri: is %.90s, and of %.90s it is not",
		    next->asked.target, before->path);
	else if ((result->asked.rate > 0) != (next->asked.rate > 0))
		snprintf(fault, BENCH_READ_FAULT_SIZE, "asked.rate: one kept to a rate, and the"
		    " other did not: their latencies are not alike");
	else if (have_a_run_in_common(result, next))
		snprintf(fault, BENCH_READ_FAULT_SIZE, "runs: this run is in a file before it");
	else if (fabs(result->started - next->started) > APART_MOST * 86400.0)
		snprintf(fault, BENCH_READ_FAULT_SIZE, "started: more than %d days from the others",
		    APART_MOST);
	return *fault == '\0';
}

/* Reads file `index`, which has to go with those before it. */
static bool
read_one(struct file *files, size_t index, char fault[BENCH_READ_FAULT_SIZE])
{
	struct file *file = &files[index];

	file->result = bench_read_file(file->path, fault);
	if (file->result == NULL)
		return false;
	for (size_t i = 0; i < index; i++)
		if (!check(&files[i], file->result, fault))
			return false;
	return true;
}

static int
compare_starts(const void *a, const void *b)
{
	const double x = ((const struct file *)a)->result->started;
	const double y = ((const struct file *)b)->result->started;

	return x < y ? -1 : x > y;
}

/*
 * Returns the file that could not be read, or added, NULL: none; all are added to the first then.
 * They are in the order of their starts, so that the seconds of each are moved once, and as little
 * off as whole seconds can be.
 */
static const struct file *
read_and_add(struct file *files, size_t count, char fault[BENCH_READ_FAULT_SIZE])
{
	for (size_t i = 0; i < count; i++)
		if (!read_one(files, i, fault))
			return &files[i];
	qsort(files, count, sizeof(*files), compare_starts);
	for (size_t i = 1; i < count; i++)
		if (!bench_result_add_client(files[0].result, files[i].result)) {
			snprintf(fault, BENCH_READ_FAULT_SIZE, "more than %d runs, or %s",
			    BENCH_CLIENTS_MAX, strerror(ENOMEM));
			return &files[i];
		}
	return NULL;
}

struct bench_result *
bench_merge(char *const *paths, size_t count, char fault[BENCH_MERGE_FAULT_SIZE])
{
	struct file *files = calloc(count, sizeof(*files));
	char what[BENCH_READ_FAULT_SIZE] = "";
	struct bench_result *merged = NULL;
	const struct file *faulty;

	if (files == NULL) {
		snprintf(fault, BENCH_MERGE_FAULT_SIZE, "%s", strerror(ENOMEM));
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		files[i].path = paths[i];
	faulty = read_and_add(files, count, what);
	if (faulty == NULL) {
		merged = files[0].result;
		files[0].result = NULL;
	} else {
		snprintf(fault, BENCH_MERGE_FAULT_SIZE, "%.*s: %s",
		    BENCH_MERGE_FAULT_SIZE - BENCH_READ_FAULT_SIZE - 3, faulty->path, what);
	}
	for (size_t i = 0; i < count; i++)
		bench_result_free(files[i].result);
	free(files);
	return merged;
}
