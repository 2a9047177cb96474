/* echod-client(1): which mode, and nothing else. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/modes.h"
#include "client/report.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} modes[] = {
	{ "ping", ping_main },
	{ "pipe", pipe_main },
	{ "send", send_main },
};

/*
 * A standard descriptor that is closed would be given to the socket, and the replies
 * written to the server.  What takes its place fails as the closed one would have.
 */
static void
occupy_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_PATH);
	} while (fd != -1 && fd <= STDERR_FILENO);
	if (fd != -1)
		close(fd);
}

int
main(int argc, char **argv)
{
	static char name[] = "echod-client";

	occupy_standard_descriptors();
	setvbuf(stdout, NULL, _IOLBF, 0); /* a line is news, in a pipe too */
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
