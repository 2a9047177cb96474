/*
 * What a run of bench was asked for and what came of it: one value, filled by each thread for
 * itself, summed up over threads and over clients, and shown by bench/show.  All times are in
 * nanoseconds unless they say seconds.
 */
#ifndef CLIENT_BENCH_RESULT_H
#define CLIENT_BENCH_RESULT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/bench/counts.h"
#include "client/bench/seconds.h"
#include "client/measure/histogram.h"
#include "net/endpoint.h"

#define BENCH_SIZES_SIZE 256
#define BENCH_CLIENTS_MAX 1024

/* What was asked for. */
struct bench_asked {
	char target[ENDPOINT_TEXT_SIZE]; /* as a URI */
	char sizes[BENCH_SIZES_SIZE];    /* as the command line has them: "64" or "64:9,1400:1" */
	uint64_t connections, in_flight; /* in flight on each of them */
	double rate;                     /* messages a second of all; 0: closed loop */
	double seconds;                  /* 0: as long as `messages` take */
	uint64_t messages;               /* 0: as many as there is time for */
	double warm_up;                  /* seconds, of which nothing is counted */
	double ramp;                     /* connections opened a second */
	double wait;                     /* seconds until a message is missing */
	uint64_t threads;
	bool churn, spin, kernel_time;
};

/* The first thing that was wrong. */
struct bench_fault {
	enum bench_error kind;
	bool is_set;
	bool has_offset;
	bool has_bytes;      /* expected and got are of the byte that differs */
	int64_t at;          /* since counting began; below 0: before that */
	uint64_t connection; /* from 0 */
	uint64_t message;    /* on that connection, from 0 */
	uint64_t offset;     /* of the byte in the stream; of a datagram in it */
	unsigned char expected, got;
	int error;           /* errno, where one was the reason; else 0 */
};

/* What is measured of each message, and of each connection. */
enum bench_time {
	BENCH_CORRECTED,   /* from when it was planned to its echo */
	BENCH_UNCORRECTED, /* from when it was sent to its echo */
	BENCH_SLIP,        /* from when it could have been sent to when it was: the client's own */
	BENCH_CONNECT,     /* until a connection is open, TLS and greeting with it */
	BENCH_TIMES
};

struct bench_result {
	struct bench_asked asked;
	char address[ENDPOINT_SOCKET_SIZE]; /* of the far end; "": none, or not the same of all */
	json_t *tls; /* of the first connection, as in all modes; NULL: none, or not the same */
	size_t clients; /* how many are in it: 1, or as many as were merged */
	uint64_t runs[BENCH_CLIENTS_MAX]; /* of each a number that no other run has */
	double started;   /* Unix time in seconds, when counting began */
	double elapsed;   /* seconds since then */
	double each;      /* of several clients: what each of them has of that, summed up */
	double cpu;       /* seconds of CPU time, of user and system */
	uint64_t counts[BENCH_COUNTS];
	uint64_t errors[BENCH_ERRORS];
	struct bench_fault fault;
	struct histogram times[BENCH_TIMES];
	struct bench_seconds seconds;
};

/* Returns one for bench_result_free(), all 0 but `clients`, or NULL without memory. */
struct bench_result *bench_result_new(void);
void bench_result_free(struct bench_result *result);

/* Counts an error.  `fault` is kept where it is the first; its kind is `kind`, whatever it says. */
void bench_result_fault(struct bench_result *result, enum bench_error kind,
    const struct bench_fault *fault);

/* The errno that the system gave as its reason; 0: none, or it is what the kind says. */
int bench_fault_error(const struct bench_fault *fault);

/*
 * Adds what a thread of the same run has counted: counts, errors, times and CPU time; the fault
 * that came first is kept.
 */
void bench_result_add_thread(struct bench_result *to, const struct bench_result *from);

/*
 * Adds the result of another client: what was asked of both, from the first's start to the last's
 * end, and second by second.  Returns false without memory, or where there are more of them than
 * BENCH_CLIENTS_MAX; `to` is then of no use.
 */
bool bench_result_add_client(struct bench_result *to, const struct bench_result *from);

/* True where its target is known, and is asked by datagrams. */
bool bench_result_is_of_datagrams(const struct bench_result *result);

/* All errors. */
uint64_t bench_result_errors(const struct bench_result *result);

/*
 * The part of the messages sent that did not come back as they were: 0 to 1; -1 where nothing was
 * sent.
 */
double bench_result_loss(const struct bench_result *result);

/* Messages and bytes that came back a second; 0 of no time. */
double bench_result_rate(const struct bench_result *result);
double bench_result_throughput(const struct bench_result *result);

/*
 * The part of the time that its clients ran on average: 1 where all of them did all of it, so that
 * what they did adds up.
 */
double bench_result_together(const struct bench_result *result);

/* "corrected", "uncorrected", "slip" or "connect". */
const char *bench_time_word(enum bench_time time);

#endif
