/* What came of a run of bench: see result.h. */
#include "client/bench/result.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/ending.h"

struct bench_result *
bench_result_new(void)
{
	struct bench_result *result = calloc(1, sizeof(*result));

	if (result != NULL)
		result->clients = 1;
	return result;
}

void
bench_result_free(struct bench_result *result)
{
	if (result == NULL)
		return;
	json_decref(result->tls);
	bench_seconds_free(&result->seconds);
	free(result);
}

void
bench_result_fault(struct bench_result *result, enum bench_error kind,
    const struct bench_fault *fault)
{
	result->errors[kind]++;
	if (result->fault.is_set && result->fault.at <= fault->at)
		return;
	result->fault = *fault;
	result->fault.kind = kind;
	result->fault.is_set = true;
}

int
bench_fault_error(const struct bench_fault *fault)
{
	switch (fault->error) {
	case ERROR_CUT:
	case ERROR_UNSECURED:
	case ERROR_UNGREETED:
		return 0;
	default:
		return fault->error;
	}
}

/* `late` is by how much the other run began after this one. */
static void
add_counted(struct bench_result *to, const struct bench_result *from, int64_t late)
{
	const struct bench_fault *fault = &from->fault;

	to->cpu += from->cpu;
	for (size_t i = 0; i < BENCH_COUNTS; i++)
		to->counts[i] += from->counts[i];
	for (size_t i = 0; i < BENCH_ERRORS; i++)
		to->errors[i] += from->errors[i];
	for (size_t i = 0; i < BENCH_TIMES; i++)
		histogram_add(&to->times[i], &from->times[i]);
	if (fault->is_set && (!to->fault.is_set || fault->at + late < to->fault.at)) {
		to->fault = *fault;
		to->fault.at += late;
	}
}

void
bench_result_add_thread(struct bench_result *to, const struct bench_result *from)
{
	add_counted(to, from, 0);
}

/* --- of several clients --------------------------------------------------------------- */

static bool
has_sizes(const char *sizes, const char *one)
{
	const size_t length = strlen(one);

	for (const char *at = sizes; (at = strstr(at, one)) != NULL; at++)
		if ((at == sizes || at[-1] == ' ') && (at[length] == '\0' || at[length] == ' '))
			return true;
	return false;
}

/* What is not the same of both is told as it was of each. */
static void
add_sizes(char sizes[BENCH_SIZES_SIZE], const char *more)
{
	const size_t length = strlen(sizes);

	if (*more != '\0' && !has_sizes(sizes, more))
		snprintf(sizes + length, BENCH_SIZES_SIZE - length, "%s%s",
		    length > 0 ? " + " : "", more);
}

static void
add_asked(struct bench_asked *to, const struct bench_asked *from)
{
	add_sizes(to->sizes, from->sizes);
	to->connections += from->connections;
	to->in_flight = to->in_flight > from->in_flight ? to->in_flight : from->in_flight;
	to->rate += from->rate;
	to->seconds = fmax(to->seconds, from->seconds);
	to->messages += from->messages;
	to->warm_up = fmax(to->warm_up, from->warm_up);
	to->ramp += from->ramp;
	to->wait = fmax(to->wait, from->wait);
	to->threads += from->threads;
	to->churn |= from->churn;
	to->spin |= from->spin;
	to->kernel_time |= from->kernel_time;
}

/* The other run began `late` seconds after this one. */
static bool
add_seconds(struct bench_seconds *to, const struct bench_seconds *from, double late)
{
	for (size_t i = 0; i < from->count; i++) {
		struct bench_second row = from->rows[i];

		row.second += (uint64_t)(late + 0.5);
		if (!bench_seconds_add(to, &row))
			return false;
	}
	return true;
}

/* The other began before. */
static void
begin_earlier(struct bench_result *to, double seconds)
{
	for (size_t i = 0; i < to->seconds.count; i++)
		to->seconds.rows[i].second += (uint64_t)(seconds + 0.5);
	to->started -= seconds;
	to->elapsed += seconds;
	to->fault.at += (int64_t)(seconds * 1e9);
}

static double
time_of_each(const struct bench_result *result)
{
	return result->clients > 1 ? result->each : result->elapsed;
}

/* What a number of handshakes has in common. */
static bool
agrees(const json_t *a, const json_t *b)
{
	static const char *const names[] = { "version", "cipher" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!json_equal(json_object_get(a, names[i]), json_object_get(b, names[i])))
			return false;
	return true;
}

bool
bench_result_add_client(struct bench_result *to, const struct bench_result *from)
{
	double late;

	if (to->clients + from->clients > BENCH_CLIENTS_MAX)
		return false;
	if (strcmp(to->address, from->address) != 0)
		*to->address = '\0';
	if (!agrees(to->tls, from->tls)) {
		json_decref(to->tls);
		to->tls = NULL;
	}
	to->each = time_of_each(to) + time_of_each(from);
	memcpy(to->runs + to->clients, from->runs, from->clients * sizeof(*to->runs));
	if (from->started < to->started)
		begin_earlier(to, to->started - from->started);
	late = from->started - to->started;
	add_counted(to, from, (int64_t)(late * 1e9));
	add_asked(&to->asked, &from->asked);
	to->clients += from->clients;
	to->elapsed = fmax(to->elapsed, late + from->elapsed);
	return add_seconds(&to->seconds, &from->seconds, late);
}

/* --- what it amounts to --------------------------------------------------------------- */

bool
bench_result_is_of_datagrams(const struct bench_result *result)
{
	struct endpoint endpoint;

	return endpoint_parse(&endpoint, result->asked.target) == NULL &&
	    !protocol_is_stream(endpoint.protocol);
}

uint64_t
bench_result_errors(const struct bench_result *result)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < BENCH_ERRORS; i++)
		sum += result->errors[i];
	return sum;
}

double
bench_result_loss(const struct bench_result *result)
{
	const uint64_t sent = result->counts[BENCH_SENT] - result->counts[BENCH_UNDECIDED];

	if (sent == 0 || sent > result->counts[BENCH_SENT])
		return -1;
	return result->counts[BENCH_ECHOED] >= sent ? 0
	    : 1 - (double)result->counts[BENCH_ECHOED] / (double)sent;
}

static double
per_second(uint64_t count, double seconds)
{
	return seconds > 0 ? (double)count / seconds : 0;
}

double
bench_result_rate(const struct bench_result *result)
{
	return per_second(result->counts[BENCH_ECHOED], result->elapsed);
}

double
bench_result_throughput(const struct bench_result *result)
{
	return per_second(result->counts[BENCH_ECHOED_BYTES], result->elapsed);
}

double
bench_result_together(const struct bench_result *result)
{
	const double most = (double)result->clients * result->elapsed;

	return most > 0 ? time_of_each(result) / most : 1;
}

const char *
bench_time_word(enum bench_time time)
{
	static const char *const words[] = {
		[BENCH_CORRECTED] = "corrected",
		[BENCH_UNCORRECTED] = "uncorrected",
		[BENCH_SLIP] = "slip",
		[BENCH_CONNECT] = "connect",
	};

	return words[time];
}
