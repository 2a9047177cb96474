/* The command line of ping: see ping_options.h. */
#include "client/ping/ping_options.h"

#include <getopt.h>

#include "client/measure/message.h"

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
		options->size = (size_t)argument_number("-s", optarg, MESSAGE_LEAST, MESSAGE_MOST);
		break;
	case 'W':
		options->wait = argument_seconds("-W", optarg, 0.001, 86400);
		break;
	case 'w':
		options->deadline = argument_seconds("-w", optarg, 0.001, 1000000);
		break;
	case 'q':
		options->quiet = true;
		break;
	case 'O':
		options->outstanding = true;
		break;
	case 'D':
		options->timestamp = true;
		break;
	case 'R':
		options->reconnect = true;
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

void
ping_options_read(struct ping_options *options, int argc, char **argv)
{
	int option;

	*options = (struct ping_options){ .interval = 1, .wait = 1, .size = 64 };
	common_init(&options->common);
	while ((option = common_next(&options->common, OPTIONS_OF_PING, argc, argv)) != -1)
		take_option(options, option);
	common_take_target(&options->common, argc - optind, argv + optind);
	options->common.wish.kernel_time = options->common.wish.strangers = true;
}
