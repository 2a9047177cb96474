/* The client's options: see options.h. */
#include "client/options.h"

#include <getopt.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/spelling.h"
#include "base/usage.h"
#include "client/report.h"
#include "net/protocol.h"

/* Where the descriptions begin in --help. */
#define NAMES_WIDTH 21

static const struct row {
	enum option_group group;
	int letter;           /* what options_next() returns for it */
	const char *name;
	const char *argument; /* NULL: it takes none */
	const char *help;
} rows[] = {
	{ OPTIONS_OF_ALL, '4', "ipv4", NULL, "use IPv4 only" },
	{ OPTIONS_OF_ALL, '6', "ipv6", NULL, "use IPv6 only" },
	{ OPTIONS_OF_ALL, 't', "connect-timeout", "SEC",
	    "for the name and each address tried (default 10)" },
	{ OPTIONS_OF_ALL, OPTION_WAIT_UNTIL_UP, "wait-until-up", "SEC",
	    "begin when somebody answers, so long" },
	{ OPTIONS_OF_ALL, OPTION_PROXY, "proxy", "V",
	    "TCP: send a PROXY header, v1 or v2[=SRC,DST], first" },
	{ OPTIONS_OF_ALL, OPTION_EXPECT_GREETING, "expect-greeting", "TEXT",
	    "TCP: what the server says first; * is any bytes" },
	{ OPTIONS_OF_ALL, OPTION_CA, "ca", "FILE",
	    "TLS: whom to trust (default: whom the system does)" },
	{ OPTIONS_OF_ALL, OPTION_CERT, "cert", "FILE", "TLS: a certificate of the client's" },
	{ OPTIONS_OF_ALL, OPTION_KEY, "key", "FILE",
	    "TLS: its key, where that file has none" },
	{ OPTIONS_OF_ALL, OPTION_SNI, "sni", "NAME",
	    "TLS: whom to ask for (default: the host)" },
	{ OPTIONS_OF_ALL, OPTION_ALPN, "alpn", "NAMES", "TLS: protocols to offer, with commas" },
	{ OPTIONS_OF_ALL, OPTION_INSECURE, "insecure", NULL, "TLS: trust whoever is there" },
	{ OPTIONS_OF_ALL, OPTION_TLS_MIN, "tls-min", "VERSION", "1.2 or 1.3 (default 1.2)" },
	{ OPTIONS_OF_ALL, OPTION_JSON, "json", NULL, "print one JSON object instead of text" },
	{ OPTIONS_OF_ALL, 'V', "version", NULL, "print the version and exit" },
	{ OPTIONS_OF_ALL, 'h', "help", NULL, "print this help and exit" },
	{ OPTIONS_OF_PING, 'c', "count", "N", "stop after N messages" },
	{ OPTIONS_OF_PING, 'i', "interval", "SEC", "between messages (default 1)" },
	{ OPTIONS_OF_PING, 's', "size", "BYTES", "16 to 65507, 64,1400 or 64-1472:8 (default 64)" },
	{ OPTIONS_OF_PING, 'W', "wait", "SEC", "for a reply (default 1)" },
	{ OPTIONS_OF_PING, 'w', "deadline", "SEC", "stop after this time" },
	{ OPTIONS_OF_PING, 'q', "quiet", NULL, "print only the head and the summary" },
	{ OPTIONS_OF_PING, 'O', "outstanding", NULL, "tell each missing reply" },
	{ OPTIONS_OF_PING, 'D', "timestamp", NULL, "print the time before each reply" },
	{ OPTIONS_OF_PING, 'R', "reconnect", NULL,
	    "connect again when it ends or is silent" },
	{ OPTIONS_OF_PING, 'f', "file", "FILE", "of targets, one a line; -: stdin" },
	{ OPTIONS_OF_PING, OPTION_FLOWS, "flows", "K",
	    "from K ports: which of the parallel links loses?" },
	{ OPTIONS_OF_PING, 'M', "fragment", "HINT", "do: never, dont: on the way, too" },
	{ OPTIONS_OF_PING, OPTION_DSCP, "dscp", "DSCP", "of packets: ef, af41, cs6 or 0 to 63" },
	{ OPTIONS_OF_PING, OPTION_EXPECT_DSCP, "expect-dscp", "DSCP",
	    "UDP: of replies, else it is a fault" },
	{ OPTIONS_OF_PING, OPTION_ECN, "ecn", "ECN", "UDP: ect0, ect1, ce or 0 to 3" },
	{ OPTIONS_OF_PING, OPTION_TTL, "ttl", "N", "of packets, or their hop limit" },
	{ OPTIONS_OF_PING, OPTION_SOURCE_PORT, "source-port", "PORT",
	    "from this one, and those that follow" },
	{ OPTIONS_OF_PING, OPTION_JSON_STREAM, "json-stream", NULL,
	    "print one for each step, then that of --json" },
	{ OPTIONS_OF_PING, OPTION_MAX_LOSS, "max-loss", "PERCENT", "else it is a fault" },
	{ OPTIONS_OF_PING, OPTION_MAX_RTT, "max-rtt", "STAT:TIME",
	    "else it is a fault, as in p99:5ms" },
	{ OPTIONS_OF_PIPE, 'q', "quiet", NULL, "print only faults" },
	{ OPTIONS_OF_PIPE, OPTION_NO_COMPARE, "no-compare", NULL, "the server need not echo" },
	{ OPTIONS_OF_PIPE, OPTION_RATE, "rate", "N",
	    "UDP: datagrams a second, 0: no limit (default 800)" },
	{ OPTIONS_OF_PIPE, 'W', "wait", "SEC", "for what is to come back (default 10)" },
	{ OPTIONS_OF_SEND, 'n', "sockets", "N", "how many sockets, 1 to 1000 (default 2)" },
	{ OPTIONS_OF_SEND, 'W', "wait", "SEC", "for what is to come back (default 10)" },
	{ OPTIONS_OF_MTU, 'W', "wait", "SEC", "for a reply, at most (default 1)" },
	{ OPTIONS_OF_MTU, 'w', "deadline", "SEC", "stop after this time (default 60)" },
	{ OPTIONS_OF_MTU, 'q', "quiet", NULL, "print only the head and what was found" },
	{ OPTIONS_OF_MTU, OPTION_MIN_MTU, "min-mtu", "BYTES", "UDP: less is a fault, as in 1500" },
	{ OPTIONS_OF_MTU, OPTION_MIN_MSS, "min-mss", "BYTES", "TCP: less is a fault, either way" },
	{ OPTIONS_OF_BENCH, 'n', "connections", "N", "how many at once (default 8)" },
	{ OPTIONS_OF_BENCH, 'd', "duration", "SEC", "stop after this time (default 10)" },
	{ OPTIONS_OF_BENCH, 'N', "messages", "N", "stop after so many" },
	{ OPTIONS_OF_BENCH, 's', "size", "SIZES",
	    "of a message, as in 64:9,16K:1 (default 64)" },
	{ OPTIONS_OF_BENCH, 'p', "in-flight", "N", "on each connection (default 1)" },
	{ OPTIONS_OF_BENCH, 'r', "rate", "N",
	    "a second, of all (default: as they come back)" },
	{ OPTIONS_OF_BENCH, OPTION_CHURN, "churn", NULL, "a connection for each message" },
	{ OPTIONS_OF_BENCH, OPTION_RAMP, "ramp", "N", "connections a second (default 5000)" },
	{ OPTIONS_OF_BENCH, OPTION_WARM_UP, "warm-up", "SEC",
	    "first, not counted; with -N 0 (default 1)" },
	{ OPTIONS_OF_BENCH, 'W', "wait", "SEC",
	    "until one is missing; UDP: 1 (default 5)" },
	{ OPTIONS_OF_BENCH, 'w', "threads", "N", "of the client (default 1)" },
	{ OPTIONS_OF_BENCH, OPTION_SOURCE, "source", "ADDR,...", "where to connect from, in turn" },
	{ OPTIONS_OF_BENCH, OPTION_KERNEL_TIME, "kernel-time", NULL,
	    "replies are timed by the kernel" },
	{ OPTIONS_OF_BENCH, OPTION_SPIN, "spin", NULL, "never sleep: a CPU for each thread" },
	{ OPTIONS_OF_BENCH, OPTION_MAX_LOSS, "max-loss", "PERCENT", "else it is a fault" },
	{ OPTIONS_OF_BENCH, OPTION_MAX_RTT, "max-rtt", "STAT:TIME",
	    "else it is a fault, as in p99:5ms" },
	{ OPTIONS_OF_BENCH, OPTION_MIN_RATE, "min-rate", "N",
	    "echoes a second, else it is a fault" },
	{ OPTIONS_OF_BENCH, OPTION_AGAINST, "against", "URI", "compare both, in turn" },
	{ OPTIONS_OF_BENCH, OPTION_ROUNDS, "rounds", "N", "of that, 3 or more (default 3)" },
	{ OPTIONS_OF_BENCH, OPTION_CSV, "csv", "FILE", "a row for each second" },
	{ OPTIONS_OF_BENCH, OPTION_SVG, "svg", "FILE", "a picture" },
	{ OPTIONS_OF_BENCH, OPTION_HGRM, "hgrm", "FILE", "percentiles, as HdrHistogram has them" },
	{ OPTIONS_OF_BENCH, OPTION_MERGE, "merge", NULL,
	    "results of several clients, as one" },
};

#define COUNT (sizeof(rows) / sizeof(rows[0]))

static const char *const modes[] = {
	[OPTIONS_OF_PING] = "ping",
	[OPTIONS_OF_PIPE] = "pipe",
	[OPTIONS_OF_SEND] = "send",
	[OPTIONS_OF_MTU] = "mtu",
	[OPTIONS_OF_BENCH] = "bench",
};

static const char *const heads[] = {
	[OPTIONS_OF_ALL] = "All modes:",
	[OPTIONS_OF_PING] = "ping: a message at a time, each reply timed and compared",
	[OPTIONS_OF_PIPE] =
	    "pipe: stdin to the server, what comes back to stdout, compared on the way",
	[OPTIONS_OF_SEND] = "send: each message on every socket in turn",
	[OPTIONS_OF_MTU] = "mtu: the longest datagram, or segment, that comes back",
	[OPTIONS_OF_BENCH] = "bench: load, every byte of which is compared, and what it costs in time",
};

static const char usage[] =
    "Usage: echod-client [ping] [OPTION]... URI... | HOST [PORT]\n"
    "       echod-client pipe [OPTION]... URI | HOST [PORT]\n"
    "       echod-client send [OPTION]... URI MESSAGE...\n"
    "       echod-client bench [OPTION]... URI | HOST [PORT]\n"
    "       echod-client bench --merge [OPTION]... FILE...\n"
    "       echod-client mtu [OPTION]... URI | HOST [PORT]\n"
    "Proves an echo: what is sent to the URI must come back.  It is written as\n"
    "%s;\n"
    "HOST alone means %s://HOST:%u.\n"
    "\n";

static const char statuses[] =
    "\n"
    "Exit status: 0 all came back and was right, 1 something did not, 2 usage or\n"
    "nothing to talk to.  See echod-client(1).\n";

static bool
is_of(const struct row *row, enum option_group mode)
{
	return row->group == OPTIONS_OF_ALL || row->group == mode;
}

/* `word` is of another mode. */
static void
tell_foreign(const char *word, const struct row *row)
{
	report_fault("%s is an option of %s: the mode comes first, as in \"echod-client %s %s\"",
	    word, modes[row->group], modes[row->group], word);
}

static bool
stands_in(char **argv, const char *word)
{
	while (*argv != NULL && strcmp(*argv, word) != 0)
		argv++;
	return *argv != NULL;
}

/*
 * Returns the row of what getopt_long(3) does not know, where another mode has it, or NULL: of a mode
 * that is named, though not first, or else of the first that has it.
 */
static const struct row *
find_foreign(enum option_group mode, const char *word, char **argv)
{
	const struct row *found = NULL;

	for (size_t i = 0; i < COUNT; i++) {
		const struct row *row = &rows[i];
		const bool same = optopt != 0 ? row->letter == optopt :
		    strlen(row->name) + 2 == strcspn(word, "=") &&
		    strncmp(word + 2, row->name, strlen(row->name)) == 0;

		if (same && is_of(row, mode))
			return NULL;
		if (same && (found == NULL || stands_in(argv, modes[row->group])))
			found = row;
	}
	return found;
}

/* `word` is the one that getopt_long(3) is behind: where that is a long option, it is this. */
static void
tell(enum option_group mode, int result, char **argv, const struct option *table)
{
	const char *word = argv[optind - 1];
	const struct row *foreign = result == '?' ? find_foreign(mode, word, argv) : NULL;
	const char letter[] = { '-', (char)optopt, '\0' };

	if (foreign != NULL)
		tell_foreign(optopt != 0 ? letter : word, foreign);
	else
		usage_tell_option("echod-client", result, argv, table);
}

/* The letters begin with ':', so that getopt_long(3) says nothing itself. */
int
options_next(enum option_group mode, int argc, char **argv)
{
	static struct option table[COUNT + 1];
	static char letters[2 * COUNT + 2];
	struct option *option = table;
	char *letter = letters;
	int result;

	*letter++ = ':';
	for (size_t i = 0; i < COUNT; i++) {
		const struct row *row = &rows[i];
		const int argument = row->argument != NULL ? required_argument : no_argument;

		if (!is_of(row, mode))
			continue;
		*option++ = (struct option){ row->name, argument, NULL, row->letter };
		if (row->letter <= UCHAR_MAX)
			*letter++ = (char)row->letter;
		if (row->letter <= UCHAR_MAX && row->argument != NULL)
			*letter++ = ':';
	}
	*option = (struct option){ NULL, 0, NULL, 0 };
	*letter = '\0';
	result = getopt_long(argc, argv, letters, table, NULL);
	if (result != '?' && result != ':')
		return result;
	tell(mode, result, argv, table);
	return '?';
}

/* --- modes ------------------------------------------------------------------------------ */

bool
options_is_mode(const char *word)
{
	return options_near_mode(word) != NULL && spelling_distance(word,
	    options_near_mode(word)) == 0;
}

const char *
options_near_mode(const char *word)
{
	const char *nearest = NULL;
	size_t least = SPELLING_NEAR + 1;

	for (size_t i = OPTIONS_OF_PING; i < sizeof(modes) / sizeof(modes[0]); i++) {
		const size_t distance = spelling_distance(word, modes[i]);

		if (distance < least && (distance < 2 || *word == *modes[i])) {
			least = distance;
			nearest = modes[i];
		}
	}
	return nearest;
}

/* --- help ------------------------------------------------------------------------------- */

static void
print_row(const struct row *row)
{
	char letter[] = "-?, ", names[64];

	letter[1] = (char)row->letter;
	snprintf(names, sizeof(names), "%s%s%s", row->name, row->argument != NULL ? " " : "",
	    row->argument != NULL ? row->argument : "");
	printf("  %s--%-*s%s\n", row->letter <= UCHAR_MAX ? letter : "    ", NAMES_WIDTH, names,
	    row->help);
}

void
options_print_help(void)
{
	const enum protocol protocol = protocol_default();
	char forms[PROTOCOLS_TEXT_SIZE];

	printf(usage, protocol_forms(forms), protocol_name(protocol),
	    (unsigned)protocol_default_port(protocol));
	for (size_t group = 0; group < sizeof(heads) / sizeof(heads[0]); group++) {
		puts(heads[group]);
		for (size_t i = 0; i < COUNT; i++)
			if (rows[i].group == group)
				print_row(&rows[i]);
	}
	fputs(statuses, stdout);
}
