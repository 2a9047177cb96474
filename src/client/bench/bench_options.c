/* The command line of bench: see bench_options.h. */
#include "client/bench/bench_options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "client/bench/against.h"
#include "client/measure/message.h"
#include "client/report.h"
#include "net/address.h"

#define CONNECTIONS_MOST 1000000
#define IN_FLIGHT_MOST 65536
#define THREADS_MOST 256
#define RATE_MOST 100000000

/* The value that stands for "not given": what it is then depends on others. */
#define NOT_GIVEN (-1)

static const double waits[] = { 1, 5 }; /* datagrams, streams */

static void
take_sources(struct plan *plan, char *text)
{
	char *rest = text;

	for (const char *each; (each = strsep(&rest, ",")) != NULL; plan->source_count++) {
		if (plan->source_count == PLAN_SOURCES_MAX)
			report_unusable("--source: give %d addresses at most", PLAN_SOURCES_MAX);
		if (!address_parse(&plan->sources[plan->source_count], each, 0))
			report_unusable("--source %s: give addresses of this host, with commas", each);
	}
}

static void
take_load(struct plan *plan, int option)
{
	switch (option) {
	case 'n':
		plan->connections = (size_t)argument_number("-n", optarg, 1, CONNECTIONS_MOST);
		break;
	case 'd':
		plan->seconds = argument_seconds("-d", optarg, 0.1, 1000000);
		break;
	case 'N':
		plan->messages = (uint64_t)argument_number("-N", optarg, 1, 1000000000000);
		break;
	case 'p':
		plan->in_flight = (size_t)argument_number("-p", optarg, 1, IN_FLIGHT_MOST);
		break;
	case 'r':
		plan->rate = argument_rate("-r", optarg, 1, RATE_MOST);
		break;
	case 'w':
		plan->threads = (unsigned)argument_number("-w", optarg, 1, THREADS_MOST);
		break;
	case 'W':
		plan->wait = argument_seconds("-W", optarg, 0.01, 86400);
		break;
	case OPTION_WARM_UP:
		plan->warm_up = argument_seconds("--warm-up", optarg, 0, 86400);
		break;
	case OPTION_RAMP:
		plan->ramp = argument_rate("--ramp", optarg, 1, RATE_MOST);
		break;
	}
}

/* These two return false where the option is none of theirs. */
static bool
take_threshold(struct bench_options *options, int option)
{
	struct thresholds *thresholds = &options->thresholds;

	switch (option) {
	case OPTION_MAX_LOSS:
		argument_check("--max-loss", optarg, thresholds_add_loss(thresholds, optarg));
		return true;
	case OPTION_MAX_RTT:
		argument_check("--max-rtt", optarg, thresholds_add_rtt(thresholds, optarg));
		return true;
	case OPTION_MIN_RATE:
		argument_check("--min-rate", optarg, thresholds_add_rate(thresholds,
		    argument_rate("--min-rate", optarg, 0, RATE_MOST)));
		return true;
	default:
		return false;
	}
}

static bool
take_output(struct bench_options *options, int option)
{
	switch (option) {
	case OPTION_CSV:
		options->csv = optarg;
		return true;
	case OPTION_SVG:
		options->svg = optarg;
		return true;
	case OPTION_HGRM:
		options->hgrm = optarg;
		return true;
	case OPTION_MERGE:
		options->merge = true;
		return true;
	case OPTION_AGAINST:
		options->against = optarg;
		return true;
	case OPTION_ROUNDS:
		options->rounds = (unsigned)argument_number("--rounds", optarg,
		    AGAINST_ROUNDS_LEAST, AGAINST_ROUNDS_MAX);
		return true;
	default:
		return take_threshold(options, option);
	}
}

static void
take_option(struct bench_options *options, int option)
{
	switch (option) {
	case 's':
		options->sizes = optarg;
		argument_check("-s", optarg, mix_parse(&options->plan.sizes, optarg));
		break;
	case OPTION_CHURN:
		options->plan.churn = true;
		break;
	case OPTION_SPIN:
		options->plan.spin = true;
		break;
	case OPTION_KERNEL_TIME:
		options->common.wish.kernel_time = true;
		break;
	case OPTION_SOURCE:
		take_sources(&options->plan, optarg);
		break;
	default:
		if (!take_output(options, option))
			take_load(&options->plan, option);
	}
}

/*
 * How many may be in flight where nobody says: over UDP at a given rate as many as it takes for
 * those that are lost not to hold up the others.
 */
static size_t
places(const struct plan *plan)
{
	const double lost = plan->rate * plan->wait / (double)plan->connections * 1.25 + 16;

	if (plan->rate == 0 || channel_is_stream(plan->wish))
		return 1;
	return lost < IN_FLIGHT_MOST ? (size_t)lost : IN_FLIGHT_MOST;
}

/* What one option leaves to another. */
static void
complete(struct plan *plan)
{
	const bool timed = plan->seconds != NOT_GIVEN;

	if (timed && plan->messages > 0)
		report_unusable("-d and -N: give one of them");
	if (!timed)
		plan->seconds = plan->messages > 0 ? 0 : 10;
	if (plan->warm_up == NOT_GIVEN)
		plan->warm_up = plan->messages > 0 ? 0 : 1;
	if (plan->wait == NOT_GIVEN)
		plan->wait = waits[channel_is_stream(plan->wish)];
	if (plan->in_flight == 0)
		plan->in_flight = places(plan);
	if (plan->threads > plan->connections)
		plan->threads = (unsigned)plan->connections;
}

static void
check(const struct bench_options *options)
{
	const struct plan *plan = &options->plan;

	if (!channel_is_stream(plan->wish) && mix_longest(&plan->sizes) > MESSAGE_MOST)
		report_unusable("-s %s: give %d bytes at most over UDP", options->sizes, MESSAGE_MOST);
	if (plan->churn && !channel_is_stream(plan->wish))
		report_unusable("--churn is for connections: give tcp://HOST:PORT");
	if (plan->churn && plan->in_flight > 1)
		report_unusable("--churn has one message on each connection: leave out -p");
	if (plan->source_count > 0 && !protocol_has_ports(plan->wish->uri.protocol))
		report_unusable("--source is for addresses: give tcp://HOST:PORT");
}

/* True for the URI of a protocol that needs no options of TLS. */
static bool
is_plain(const char *text)
{
	struct endpoint endpoint;

	return endpoint_parse(&endpoint, text) == NULL && !protocol_is_secure(endpoint.protocol);
}

/* Of two targets, one at least is what the options of TLS are for. */
static void
take_targets(struct bench_options *options, int count, char **rest)
{
	struct common_arguments *common = &options->common, *other = &options->other;
	const char *asked = common->tls.option;

	*other = *common;
	if (count == 1 && is_plain(rest[0]) && !is_plain(options->against))
		common->tls.option = NULL;
	common_take_target(common, count, rest);
	common->tls.option = asked;
	if (is_plain(options->against) && !is_plain(rest[0]))
		other->tls.option = NULL;
	common_take_uri(other, options->against);
	if (channel_is_stream(&common->wish) != channel_is_stream(&other->wish))
		report_unusable("--against %s: give another of the same kind", options->against);
	if (options->csv != NULL || options->svg != NULL || options->hgrm != NULL)
		report_unusable("--against has no files: leave out --csv, --svg and --hgrm");
}

void
bench_options_read(struct bench_options *options, int argc, char **argv)
{
	int option;

	*options = (struct bench_options){ .sizes = "64", .rounds = 3,
		.plan = { .connections = 8, .threads = 1, .ramp = 5000,
		.seconds = NOT_GIVEN, .warm_up = NOT_GIVEN, .wait = NOT_GIVEN } };
	mix_parse(&options->plan.sizes, options->sizes);
	common_init(&options->common);
	options->plan.wish = &options->common.wish;
	while ((option = common_next(&options->common, OPTIONS_OF_BENCH, argc, argv)) != -1)
		take_option(options, option);
	options->files = argv + optind;
	options->file_count = argc - optind;
	if (options->merge && options->file_count == 0)
		report_unusable("--merge: give files that bench --json has written");
	if (options->merge)
		return;
	if (options->against != NULL)
		take_targets(options, argc - optind, argv + optind);
	else
		common_take_target(&options->common, argc - optind, argv + optind);
	complete(&options->plan);
	check(options);
}

void
bench_options_asked(const struct bench_options *options, const struct common_arguments *common,
    struct bench_asked *asked)
{
	const struct plan *plan = &options->plan;

	*asked = (struct bench_asked){
		.connections = plan->connections,
		.in_flight = plan->in_flight,
		.rate = plan->rate,
		.seconds = plan->seconds,
		.messages = plan->messages,
		.warm_up = plan->warm_up,
		.ramp = plan->ramp,
		.wait = plan->wait,
		.threads = plan->threads,
		.churn = plan->churn,
		.spin = plan->spin,
		.kernel_time = plan->wish->kernel_time,
	};
	snprintf(asked->target, sizeof(asked->target), "%s", common->uri);
	snprintf(asked->sizes, sizeof(asked->sizes), "%s", options->sizes);
}
