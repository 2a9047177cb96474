/* The command line of pipe: see pipe_options.h. */
#include "client/pipe/pipe_options.h"

#include <getopt.h>

#include "client/report.h"
#include "client/transport/pace.h"

/* A stream has no datagrams, whose rate would be meant. */
static void
settle_rate(struct pipe_options *options, const char *asked)
{
	const struct channel_wish *wish = &options->common.wish;

	if (channel_is_stream(wish) && asked != NULL)
		report_unusable("--rate %s: it is of datagrams, which %s has not", asked,
		    protocol_name(wish->uri.protocol));
	if (!channel_is_stream(wish))
		options->rate = asked != NULL
		    ? argument_number("--rate", asked, 0, 1000000) : PACE_DEFAULT;
}

void
pipe_options_read(struct pipe_options *options, int argc, char **argv)
{
	const char *rate = NULL;
	int option;

	*options = (struct pipe_options){ .compare = true, .wait = 10 };
	common_init(&options->common);
	while ((option = common_next(&options->common, OPTIONS_OF_PIPE, argc, argv)) != -1) {
		if (option == OPTION_NO_COMPARE)
			options->compare = false;
		else if (option == 'q')
			options->quiet = true;
		else if (option == OPTION_RATE)
			rate = optarg;
		else if (option == 'W')
			options->wait = argument_seconds("-W", optarg, 0.001, 86400);
	}
	options->common.wish.strangers = true;
	common_take_target(&options->common, argc - optind, argv + optind);
	settle_rate(options, rate);
	if (options->common.until_up > 0 && !options->compare &&
	    !channel_is_stream(&options->common.wish))
		report_unusable("--wait-until-up: over UDP and with --no-compare nobody need "
		    "answer");
}
