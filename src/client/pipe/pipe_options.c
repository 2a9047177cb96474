/* The command line of pipe: see pipe_options.h. */
#include "client/pipe/pipe_options.h"

#include <getopt.h>

void
pipe_options_read(struct pipe_options *options, int argc, char **argv)
{
	int option;

	*options = (struct pipe_options){ .compare = true, .wait = 10 };
	common_init(&options->common);
	while ((option = common_next(&options->common, OPTIONS_OF_PIPE, argc, argv)) != -1) {
		if (option == OPTION_NO_COMPARE)
			options->compare = false;
		else if (option == 'W')
			options->wait = argument_seconds("-W", optarg, 0.001, 86400);
	}
	options->common.wish.strangers = true;
	common_take_target(&options->common, argc - optind, argv + optind);
}
