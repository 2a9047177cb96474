/* echod-client(1): which mode, and nothing else. */
#include <string.h>

#include "client/interrupt.h"
#include "client/modes.h"
#include "client/report.h"
#include "client/standard.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} modes[] = {
	{ "bench", bench_main },
	{ "ping", ping_main },
	{ "pipe", pipe_main },
	{ "send", send_main },
	{ "mtu", mtu_main },
};

int
main(int argc, char **argv)
{
	static char name[] = "echod-client";

	standard_prepare();
	interrupt_prepare();
	if (argc == 0)
		report_unusable("no command line");
	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(argv[1], modes[i].name) == 0) {
			argv[1] = name; /* for getopt_long(3), which names it in its messages */
			return modes[i].run(argc - 1, argv + 1);
		}
	argv[0] = name;
	return ping_main(argc, argv);
}
