/*
 * The load generator.  It owns the phases of one measurement: it warms up, measures,
 * verifies every byte that comes back, and prints one line of JSON.
 *
 *   load MODE --port=PORT [--connections=N] [--size=BYTES] [--depth=N] [--flying=N]
 *        [--idle=N] [--seconds=S] [--warmup=S] [--count=N] [--sync] [--unix]
 *
 * stream     N connections, DEPTH messages in flight on each (1)
 * cycle      connect, one echo, end of stream both ways, close: N at once
 * datagram   FLYING datagrams in flight over N sockets; lost ones are told and replaced
 * idle       one echo on each of IDLE connections, which are then held
 * silent     the same without an echo
 *
 * With --sync it prints "begin" before what is measured and "end" after it, each time
 * with nothing in flight, and waits for a line on stdin: for whoever watches the server.
 * With --unix it connects to the abstract name echod-bench-PORT.  load_tls is the same program,
 * but that what goes over connections goes over TLS 1.3; its cycles have a full handshake each.
 */
#include "load.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#define EVENTS 256
#define TICK 20                     /* ms */
#define PATIENCE UINT64_C(10000000000) /* ns without anything coming back */
#define ERRORS_MAX 1000

/* Latencies: a row of buckets for each power of two, so that none is wider than 0.8 %. */
#define ROW_BITS 7
#define ROW (1 << ROW_BITS)

struct options options = {
	.connections = 1,
	.size = 64,
	.depth = 1,
	.flying = 128,
	.seconds = 1,
	.warmup = 0.2,
};

static struct {
	uint64_t begun, echoes, bytes, errors, lost, late;
	uint64_t start, last; /* ns; when it began, and when something last came back */
	uint64_t latencies[64 << ROW_BITS];
} phase;

static uint64_t in_flight;
static bool ending; /* nothing more may begin */
static int epoll_fd;
static unsigned char *pattern;

/* --- the phase -------------------------------------------------------------------- */

_Noreturn void
load_die(const char *what)
{
	if (errno != 0)
		fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	else
		fprintf(stderr, "load: %s\n", what);
	exit(EXIT_FAILURE);
}

uint64_t
load_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

bool
load_may_begin(void)
{
	if (ending || (options.count > 0 && phase.begun == options.count))
		return false;
	phase.begun++;
	in_flight++;
	return true;
}

/* Values below ROW are their own bucket; others by their ROW_BITS + 1 highest bits. */
static size_t
bucket_of(uint64_t value)
{
	int shift;

	if (value < ROW)
		return (size_t)value;
	shift = 63 - __builtin_clzll(value) - ROW_BITS;
	return ((size_t)shift << ROW_BITS) + (size_t)(value >> shift);
}

static double
value_of(size_t bucket)
{
	const size_t shift = bucket < 2 * ROW ? 0 : (bucket >> ROW_BITS) - 1;
	const uint64_t base = bucket - (shift << ROW_BITS);

	return ((double)base + 0.5) * (double)(UINT64_C(1) << shift);
}

void
load_done(uint64_t begun, uint64_t now, size_t bytes)
{
	in_flight--;
	phase.echoes++;
	phase.bytes += bytes;
	phase.last = now;
	phase.latencies[bucket_of(now - begun)]++;
}

void
load_failed(const char *what)
{
	in_flight--;
	phase.errors++;
	if (phase.errors == 1)
		fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	if (phase.errors == ERRORS_MAX)
		load_die("too many errors");
}

void
load_lost(void)
{
	in_flight--;
	phase.lost++;
}

void
load_late(void)
{
	phase.late++;
}

void
load_watch(int fd, struct source *source, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	if (epoll_ctl(epoll_fd, operation, fd, &event) == -1)
		load_die("epoll_ctl");
}

/* --- content ------------------------------------------------------------------------ */

#define SHIFTS 65536

/* Every message is a piece of the same pattern, from an offset of its own. */
static void
make_pattern(void)
{
	uint64_t x = UINT64_C(0x9e3779b97f4a7c15);

	pattern = malloc(options.size + SHIFTS);
	if (pattern == NULL)
		load_die("malloc");
	for (size_t i = 0; i < options.size + SHIFTS; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		pattern[i] = (unsigned char)x;
	}
}

const unsigned char *
load_message(unsigned int id, uint64_t number)
{
	return pattern + (id * 7919 + number * 40503) % SHIFTS;
}

/* --- running -------------------------------------------------------------------------- */

static void
dispatch(void)
{
	struct epoll_event events[EVENTS];
	const int n = epoll_wait(epoll_fd, events, EVENTS, TICK);

	for (int i = 0; i < n; i++) {
		struct source *source = events[i].data.ptr;

		source->ready(source, events[i].events);
	}
}

/* Returns when what began has come back, or is lost. */
static void
run_phase(const struct workload *workload, double seconds)
{
	uint64_t now = load_now(), end = now + (uint64_t)(seconds * 1e9), tick = now;

	memset(&phase, 0, sizeof(phase));
	phase.start = phase.last = now;
	ending = false;
	workload->begin();
	while (in_flight > 0) {
		dispatch();
		now = load_now();
		ending = options.count == 0 && now >= end;
		if (workload->tick != NULL && now - tick > UINT64_C(1000000) * TICK) {
			workload->tick();
			tick = now;
		}
		errno = 0;
		if (now - phase.last > PATIENCE)
			load_die("nothing comes back any more");
	}
}

static void
meet(const char *where)
{
	char line[64];

	if (!options.sync)
		return;
	puts(where);
	fflush(stdout);
	errno = 0;
	if (fgets(line, sizeof(line), stdin) == NULL)
		load_die("nobody answers on stdin");
}

static double
cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void
run(const struct workload *workload, double *cpu)
{
	workload->open();
	if (options.warmup > 0 && options.count == 0)
		run_phase(workload, options.warmup);
	meet("begin");
	*cpu = cpu_seconds();
	run_phase(workload, options.seconds);
	*cpu = cpu_seconds() - *cpu;
	meet("end");
}

/* --- output ----------------------------------------------------------------------------- */

static double
percentile_us(double share)
{
	const double wanted = share * (double)phase.echoes;
	uint64_t below = 0;

	for (size_t i = 0; i < sizeof(phase.latencies) / sizeof(phase.latencies[0]); i++) {
		below += phase.latencies[i];
		if (below > 0 && (double)below >= wanted)
			return value_of(i) / 1000;
	}
	return 0;
}

static void
print(double cpu)
{
	printf("{\"mode\": \"%s\", \"connections\": %d, \"size\": %zu, \"idle\": %d, ",
	    options.mode, options.connections, options.size, options.idle);
	printf("\"echoes\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"seconds\": %.6f, ",
	    phase.echoes, phase.bytes, (double)(phase.last - phase.start) / 1e9);
	printf("\"p50_us\": %.3f, \"p99_us\": %.3f, \"p999_us\": %.3f, ", percentile_us(0.5),
	    percentile_us(0.99), percentile_us(0.999));
	printf("\"errors\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"late\": %" PRIu64 ", ",
	    phase.errors, phase.lost, phase.late);
	printf("\"load_cpu_seconds\": %.6f}\n", cpu);
}

/* --- the command line --------------------------------------------------------------------- */

static double
number(const char *text)
{
	char *end = NULL;
	const double value = strtod(text, &end);

	errno = EINVAL;
	if (end == text || *end != '\0' || !(value >= 0 && value <= 1e9))
		load_die(text);
	return value;
}

static void
take_option(int letter, const char *text)
{
	const double value = text != NULL ? number(text) : 0;

	switch (letter) {
	case 'p': options.port = (int)value; break;
	case 'c': options.connections = (int)value; break;
	case 's': options.size = (size_t)value; break;
	case 'd': options.depth = (int)value; break;
	case 'f': options.flying = (int)value; break;
	case 'i': options.idle = (int)value; break;
	case 't': options.seconds = value; break;
	case 'w': options.warmup = value; break;
	case 'n': options.count = (uint64_t)value; break;
	case 'y': options.sync = true; break;
	case 'u': options.is_unix = true; break;
	default: break;
	}
}

static void
take_options(int argc, char **argv)
{
	static const struct option names[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "connections", required_argument, NULL, 'c' },
		{ "size", required_argument, NULL, 's' },
		{ "depth", required_argument, NULL, 'd' },
		{ "flying", required_argument, NULL, 'f' },
		{ "idle", required_argument, NULL, 'i' },
		{ "seconds", required_argument, NULL, 't' },
		{ "warmup", required_argument, NULL, 'w' },
		{ "count", required_argument, NULL, 'n' },
		{ "sync", no_argument, NULL, 'y' },
		{ "unix", no_argument, NULL, 'u' },
		{ NULL, 0, NULL, 0 },
	};
	int letter;

	while ((letter = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (letter == '?')
			exit(EXIT_FAILURE);
		take_option(letter, optarg);
	}
	errno = 0;
	if (optind != argc - 1)
		load_die("usage: load MODE --port=PORT [OPTION]...");
	options.mode = argv[optind];
	if (options.connections < 1 || options.depth < 1 || options.size < 1)
		load_die("connections, depth and size are 1 at least");
}

static const struct workload *
workload_of(const char *mode)
{
	static const struct {
		const char *name;
		const struct workload *workload;
	} modes[] = {
		{ "stream", &load_stream },
		{ "cycle", &load_cycle },
		{ "datagram", &load_datagram },
		{ "idle", &load_idle },
		{ "silent", &load_silent },
	};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i].name, mode) == 0)
			return modes[i].workload;
	errno = EINVAL;
	load_die(mode);
}

int
main(int argc, char **argv)
{
	double cpu = 0;

	take_options(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	make_pattern();
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd == -1)
		load_die("epoll_create1");
	run(workload_of(options.mode), &cpu);
	print(cpu);
	free(pattern);
	return EXIT_SUCCESS;
}
