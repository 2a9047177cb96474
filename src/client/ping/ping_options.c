/* The command line of ping: see ping_options.h. */
#include "client/ping/ping_options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "client/report.h"

/* Of how it is told, and what is expected. */
static void
take_telling(struct ping_options *options, int option)
{
	switch (option) {
	case 'q':
		options->quiet = true;
		break;
	case 'O':
		options->outstanding = true;
		break;
	case 'D':
		options->timestamp = true;
		break;
	case OPTION_EXPECT_DSCP:
		argument_check("--expect-dscp", optarg,
		    marks_parse_dscp(optarg, &options->expected_dscp));
		break;
	case OPTION_JSON_STREAM:
		options->stream = options->common.json = true;
		break;
	case OPTION_MAX_LOSS:
		argument_check("--max-loss", optarg,
		    thresholds_add_loss(&options->thresholds, optarg));
		break;
	case OPTION_MAX_RTT:
		argument_check("--max-rtt", optarg,
		    thresholds_add_rtt(&options->thresholds, optarg));
		break;
	}
}

/* Of what packets are sent with. */
static void
take_marking(struct ping_options *options, int option)
{
	struct channel_wish *wish = &options->common.wish;

	switch (option) {
	case 'M':
		argument_check("-M", optarg, marking_parse_fragments(&wish->marking, optarg));
		break;
	case OPTION_DSCP:
		argument_check("--dscp", optarg, marking_parse_dscp(&wish->marking, optarg));
		break;
	case OPTION_ECN:
		argument_check("--ecn", optarg, marking_parse_ecn(&wish->marking, optarg));
		options->has_ecn = true;
		break;
	case OPTION_TTL:
		wish->marking.ttl = (int)argument_number("--ttl", optarg, 1, 255);
		break;
	case OPTION_SOURCE_PORT:
		wish->source_port = (uint16_t)argument_number("--source-port", optarg, 1, 65535);
		break;
	default:
		take_telling(options, option);
	}
}

static void
take_option(struct ping_options *options, int option)
{
	switch (option) {
	case 'c':
		options->count = (uint64_t)argument_number("-c", optarg, 1, 1000000000);
		break;
	case 'i':
		options->interval = argument_seconds("-i", optarg, 0.001, 86400);
		break;
	case 's':
		argument_check("-s", optarg, sizes_parse(&options->sizes, optarg));
		break;
	case 'W':
		options->wait = argument_seconds("-W", optarg, 0.001, 86400);
		break;
	case 'w':
		options->deadline = argument_seconds("-w", optarg, 0.001, 1000000);
		break;
	case 'R':
		options->reconnect = true;
		break;
	case 'f':
		targets_read(&options->targets, optarg);
		options->file = optarg;
		break;
	case OPTION_FLOWS:
		options->flows = (size_t)argument_number("--flows", optarg, 2, FLOWS_MOST);
		break;
	default:
		take_marking(options, option);
	}
}

/*
 * Several, or some beside those of a file.  Each has a port, so that it is no PORT, nor the name of
 * one.
 */
static void
take_targets(struct ping_options *options, int count, char **rest)
{
	for (int i = 0; i < count; i++) {
		const char *fault = targets_add(&options->targets,
		    (struct target){ rest[i], NULL, 0 });

		if (!common_has_port(rest[i]))
			fault = "of several targets each is a URI or HOST:PORT";
		if (fault != NULL)
			report_unusable("%s: %s", rest[i], fault);
	}
}

/* True for HOST PORT, for one target, and for what may be meant for either. */
static bool
is_one_target(int count, char **rest)
{
	for (int i = 0; i < count; i++)
		if (!common_has_port(rest[i]))
			return true;
	return count < 2;
}

/* What the protocol of the target has no use for. */
static void
check_marking(const struct common_arguments *common, bool has_ecn, int expected_dscp)
{
	const struct marking *marking = &common->wish.marking;

	if (!protocol_has_ports(common->wish.uri.protocol) && (marking->has_tos || marking->ttl > 0 ||
	    marking->fragments != FRAGMENTS_AS_EVER))
		report_unusable("%s: --dscp, --ecn, --ttl and -M are for packets", common->uri);
	if (expected_dscp >= 0 && channel_is_stream(&common->wish))
		report_unusable("--expect-dscp is for datagrams: of connections it is not known");
	if (has_ecn && channel_is_stream(&common->wish))
		report_unusable("--ecn is for datagrams: TCP has its own use for it");
}

/* What several pings have no use for. */
static void
check_several(const struct ping_options *options)
{
	const struct channel_wish *wish = &options->common.wish;

	if (options->targets.count > 0 && options->flows > 0)
		report_unusable("--flows is for one target");
	if (options->targets.count > 0 && options->common.until_up > 0)
		report_unusable("--wait-until-up is for one target");
	if (options->targets.count > 0 && wish->source_port != 0)
		report_unusable("--source-port is for one target");
	if (options->flows > 0 && !protocol_has_ports(wish->uri.protocol))
		report_unusable("--flows is for addresses: a Unix socket has no ports");
	if (options->flows > 0 && options->reconnect)
		report_unusable("-R is not for --flows: another connection is another flow");
	if (wish->source_port + options->flows > 65536)
		report_unusable("--source-port %u: there are no %zu ports from there on",
		    (unsigned)wish->source_port, options->flows);
}

void
ping_options_read(struct ping_options *options, int argc, char **argv)
{
	int option;

	*options = (struct ping_options){ .interval = 1, .wait = 1, .expected_dscp = -1 };
	options->sizes = sizes_of_one(64);
	common_init(&options->common);
	while ((option = common_next(&options->common, OPTIONS_OF_PING, argc, argv)) != -1)
		take_option(options, option);
	argc -= optind;
	argv += optind;
	if (options->file == NULL && is_one_target(argc, argv))
		common_take_target(&options->common, argc, argv);
	else
		take_targets(options, argc, argv);
	check_several(options);
	options->common.wish.kernel_time = options->common.wish.strangers = true;
	options->common.wish.marks = true;
}

void
ping_options_for(const struct ping_options *options, size_t number, struct ping_options *own)
{
	struct channel_wish *wish = &own->common.wish;
	char name[4 * ENDPOINT_TEXT_SIZE + 1];

	*own = *options;
	if (options->targets.count > 0) {
		const struct target *target = &options->targets.rows[number];

		own->common.file = options->file;
		own->common.line = target->line;
		common_take_host(&own->common, target->host, target->port);
		escape_bytes(own->common.uri, strlen(own->common.uri), name);
		snprintf(own->label, sizeof(own->label), "%s: ", name);
	} else if (options->flows > 0) {
		own->flow = number + 1;
		snprintf(own->label, sizeof(own->label), "flow %zu: ", own->flow);
		if (wish->source_port != 0)
			wish->source_port = (uint16_t)(wish->source_port + number);
	}
	check_marking(&own->common, own->has_ecn, own->expected_dscp);
}
