/* The command line of mtu: see mtu_options.h. */
#include "client/mtu/mtu_options.h"

#include <getopt.h>

#include "client/report.h"

static void
take_option(struct mtu_options *options, int option)
{
	switch (option) {
	case 'W':
		options->wait = argument_seconds("-W", optarg, 0.001, 86400);
		break;
	case 'w':
		options->deadline = argument_seconds("-w", optarg, 0.001, 1000000);
		break;
	case 'q':
		options->quiet = true;
		break;
	case OPTION_MIN_MTU:
		options->min_mtu = argument_number("--min-mtu", optarg, 1, 65575);
		break;
	case OPTION_MIN_MSS:
		options->min_mss = argument_number("--min-mss", optarg, 1, 65535);
		break;
	}
}

/* What the protocol of the target has no use for. */
static void
check(const struct mtu_options *options)
{
	const struct channel_wish *wish = &options->common.wish;
	char names[PROTOCOLS_TEXT_SIZE];

	if (!protocol_has_ports(wish->uri.protocol))
		report_unusable("mtu is for paths of a network: give %s",
		    protocol_names_of(protocol_has_ports, names));
	if (options->min_mtu > 0 && channel_is_stream(wish))
		report_unusable("--min-mtu is for datagrams: give udp://HOST:PORT");
	if (options->min_mss > 0 && !channel_is_stream(wish))
		report_unusable("--min-mss is for connections: give tcp://HOST:PORT");
}

void
mtu_options_read(struct mtu_options *options, int argc, char **argv)
{
	int option;

	*options = (struct mtu_options){ .wait = 1, .deadline = 60 };
	common_init(&options->common);
	while ((option = common_next(&options->common, OPTIONS_OF_MTU, argc, argv)) != -1)
		take_option(options, option);
	common_take_target(&options->common, argc - optind, argv + optind);
	check(options);
	options->common.wish.strangers = true;
}
