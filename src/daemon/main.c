/* echod(8): the command line, the order of start-up, the exit status; nothing else. */
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/escape.h"
#include "base/faults.h"
#include "base/log.h"
#include "base/usage.h"
#include "daemon/config/config.h"
#include "daemon/control/certificates.h"
#include "daemon/control/ready.h"
#include "daemon/control/server.h"
#include "daemon/control/signals.h"
#include "daemon/listen/inherited.h"
#include "daemon/observe/asking/ask.h"
#include "daemon/observe/asking/connections_text.h"
#include "daemon/observe/asking/status_text.h"
#include "daemon/observe/pages.h"
#include "daemon/process/descriptors.h"
#include "daemon/process/manager.h"
#include "daemon/process/sandbox.h"
#include "net/protocol.h"
#include "net/tls/context.h"

#define EXIT_USAGE 2

#define EXIT_NOBODY 2 /* of --status */

/* Options without a letter. */
enum { OPTION_READY_FD = 256, OPTION_TAKE_OVER, OPTION_STATUS, OPTION_JSON, OPTION_CONNECTIONS };

enum mode { MODE_RUN, MODE_TEST, MODE_DUMP, MODE_STATUS };

static const char help[] =
    "Usage: echod [-c FILE] [-t | -T] [-f] [-l URI]... [-o NAME=VALUE]... [-v]...\n"
    "             [--ready-fd N] [--take-over]\n"
    "       echod --status [--connections[=QUERY]] [--json] [-c FILE] [-o NAME=VALUE]...\n"
    "An echo daemon: what a peer sends goes back to it (RFC 862).\n"
    "\n"
    "  -c, --config FILE     read FILE instead of " SYSCONFDIR "/echod.conf\n"
    "  -t, --test            check the configuration and exit\n"
    "  -T, --dump            print the effective configuration and exit\n"
    "  -f, --foreground      log to stderr, whatever log.target says\n"
    "  -l, --listen URI      listen on %s instead of\n"
    "                        the file's listeners; port 0 picks one; repeatable\n"
    "  -o, --set NAME=VALUE  override one option: limits.idle_timeout=5; repeatable\n"
    "  -v, --verbose         log one level more; repeatable\n"
    "      --ready-fd N      once it serves, write there where, as a line of JSON\n"
    "      --take-over       take over all from the one that serves, at take_over.path\n"
    "      --status          ask the running one how it does, where observe says\n"
    "      --connections     with --status: who is connected, if observe.peers is true\n"
    "      --json            with --status: all that it says\n"
    "  -V, --version         print the version and exit\n"
    "  -h, --help            print this help and exit\n"
    "\n"
    "Signals: SIGHUP reloads the configuration, SIGTERM and SIGINT drain and stop (a\n"
    "second one stops now), SIGUSR1 logs the statistics, SIGUSR2 hands over.\n"
    "See echod(8) and echod.conf(5).\n";

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "test", no_argument, NULL, 't' },
	{ "dump", no_argument, NULL, 'T' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "listen", required_argument, NULL, 'l' },
	{ "set", required_argument, NULL, 'o' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "ready-fd", required_argument, NULL, OPTION_READY_FD },
	{ "take-over", no_argument, NULL, OPTION_TAKE_OVER },
	{ "status", no_argument, NULL, OPTION_STATUS },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "connections", optional_argument, NULL, OPTION_CONNECTIONS },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct arguments {
	enum mode mode;
	struct config_source source;
	bool json;
	const char *connections; /* of whom that are asked for: a query, "" for all; NULL: none is */
	int ready_fd; /* -1: none */
	bool takes_over;
	const char **listen, **set; /* each with room for all of argv */
};

/* The exit status of a mode that only prints. */
static int
finish_output(void)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return EXIT_SUCCESS;
	perror("echod: cannot write");
	return EXIT_FAILURE;
}

static _Noreturn void
leave_with_help(void)
{
	char forms[PROTOCOLS_TEXT_SIZE];

	printf(help, protocol_forms(forms));
	exit(finish_output());
}

/* The service manager has a parcel for this process, as far as is known yet. */
static bool parcel_waits;

/*
 * The status that ends the tries of a service manager would also end what it keeps: while that
 * waits for somebody to take it, whatever is wrong may pass.
 */
static int
final(int status)
{
	return parcel_waits ? EXIT_FAILURE : status;
}

static _Noreturn void
leave_with_hint(void)
{
	fputs("Try \"echod --help\".\n", stderr);
	exit(final(EXIT_USAGE));
}

static _Noreturn void
print_version(void)
{
	printf("echod %s %s %s %s, libevent %s\n", PACKAGE_VERSION, sandbox_feature,
	    manager_feature, tls_feature(), event_get_version());
	exit(finish_output());
}

static int
read_ready_fd(const char *text)
{
	char shown[ESCAPE_TEXT_SIZE];
	const char *right;
	const int fd = ready_read(text, &right);

	if (fd != -1)
		return fd;
	fprintf(stderr, "echod: --ready-fd %s: %s\n",
	    escape_payload(text, strlen(text), shown), right);
	leave_with_hint();
}

/* As it goes into a request. */
static const char *
read_query(const char *text)
{
	char shown[ESCAPE_TEXT_SIZE];
	size_t fit = 0;

	if (text == NULL)
		return "";
	while (text[fit] > ' ' && text[fit] <= '~' && text[fit] != '#')
		fit++;
	if (fit == strlen(text) && fit < ASK_TARGET_SIZE - sizeof(PAGES_CONNECTIONS "?"))
		return text;
	fprintf(stderr, "echod: --connections=%s: give a query as in a URI, without spaces\n",
	    escape_payload(text, strlen(text), shown));
	leave_with_hint();
}

/* One without a letter. */
static void
take_long_option(struct arguments *arguments, int option)
{
	switch (option) {
	case OPTION_READY_FD:
		arguments->ready_fd = read_ready_fd(optarg);
		break;
	case OPTION_TAKE_OVER:
		arguments->takes_over = true;
		break;
	case OPTION_STATUS:
		arguments->mode = MODE_STATUS;
		arguments->source.asks = true;
		break;
	case OPTION_JSON:
		arguments->json = true;
		break;
	case OPTION_CONNECTIONS:
		arguments->connections = read_query(optarg);
		break;
	}
}

static void
take_option(struct arguments *arguments, int option)
{
	struct config_source *source = &arguments->source;

	switch (option) {
	case 'c':
		source->path = optarg;
		source->may_be_missing = false;
		break;
	case 't':
		arguments->mode = MODE_TEST;
		source->may_be_missing = false;
		break;
	case 'T':
		arguments->mode = MODE_DUMP;
		break;
	case 'f':
		source->foreground = true;
		break;
	case 'l':
		arguments->listen[source->listen_count++] = optarg;
		break;
	case 'o':
		arguments->set[source->set_count++] = optarg;
		break;
	case 'v':
		source->verbose++;
		break;
	case 'V':
		print_version();
	case 'h':
		leave_with_help();
	default:
		take_long_option(arguments, option);
	}
}

static void
parse_arguments(struct arguments *arguments, int argc, char **argv)
{
	char shown[ESCAPE_TEXT_SIZE];
	int option;

	arguments->listen = calloc((size_t)argc, sizeof(*arguments->listen));
	arguments->set = calloc((size_t)argc, sizeof(*arguments->set));
	if (arguments->listen == NULL || arguments->set == NULL) {
		perror("echod");
		exit(EXIT_FAILURE);
	}
	while ((option = getopt_long(argc, argv, ":c:tTfl:o:vVh", options, NULL)) != -1) {
		if (option == ':' || option == '?') {
			usage_tell_option("echod", option, argv, options);
			leave_with_hint();
		}
		take_option(arguments, option);
	}
	if (optind < argc) {
		fprintf(stderr, "echod: unexpected argument %s\n",
		    escape_payload(argv[optind], strlen(argv[optind]), shown));
		leave_with_hint();
	}
	if ((arguments->json || arguments->connections != NULL) && arguments->mode != MODE_STATUS) {
		fprintf(stderr, "echod: %s is for --status\n",
		    arguments->json ? "--json" : "--connections");
		leave_with_hint();
	}
	arguments->source.listen = arguments->listen;
	arguments->source.set = arguments->set;
}

static void
tell(const struct faults *faults)
{
	for (size_t i = 0; i < faults_count(faults); i++)
		fprintf(stderr, "echod: %s\n", faults_get(faults, i));
}

/*
 * What the service manager makes of it: 2 and 78 end its tries, so they are for what no try
 * changes.
 */
static int
status_of(const struct faults *faults)
{
	if (faults_of_arguments(faults))
		return EXIT_USAGE;
	return faults_may_pass(faults) ? EXIT_FAILURE : EX_CONFIG;
}

/* Returns NULL, with the faults told and the exit status in *status. */
static struct config *
load(const struct config_source *source, int *status)
{
	struct faults *faults = faults_new();
	struct config *config = NULL;

	if (faults == NULL) {
		perror("echod");
		*status = EXIT_FAILURE;
		return NULL;
	}
	config = config_load(source, faults);
	if (config == NULL)
		tell(faults);
	*status = status_of(faults);
	faults_free(faults);
	return config;
}

static bool
knows_from_whom(const struct config *config)
{
	struct endpoint_view endpoint;

	if (config_take_over_endpoint(config, &endpoint))
		return true;
	fputs("echod: --take-over: take_over.path names no socket: give it that of the one that "
	    "serves\n", stderr);
	return false;
}

/* With what it serves; each is found in its turn. */
struct found {
	struct inherited *inherited;
	struct kept kept;
	struct config *config;
	char *fault; /* of the configuration that was to be */
};

static void
found_free(struct found *found)
{
	kept_free(&found->kept);
	inherited_free(found->inherited);
	config_free(found->config);
	free(found->fault);
}

/*
 * What the service manager passes must all be served: whoever comes to a socket that nobody
 * reads waits for ever, and wakes echod again and again.  Returns false with faults.
 */
static bool
may_serve(struct found *found, struct faults *faults)
{
	if (found->config != NULL)
		inherited_check(found->inherited, found->config, faults);
	if (found->config != NULL && !cargo_fits(&found->kept.cargo,
	    found->config->event_method == EVENT_METHOD_SELECT))
		faults_add(faults, "event_method = \"select\" has no room for all that is open");
	if (found->config != NULL && faults_count(faults) == 0)
		return true;
	config_free(found->config);
	found->config = NULL;
	return false;
}

/* What travelled was in force: it is so on, and the fault is as one of a reload. */
static bool
fall_back(struct found *found, const struct config_source *source, struct faults *faults)
{
	struct faults *others = faults_new();
	bool is_well;

	if (others == NULL)
		return false;
	found->fault = strdup(faults_get(faults, 0));
	found->config = server_configuration_before(source, &found->kept, others);
	is_well = found->fault != NULL && may_serve(found, others);
	tell(others);
	faults_free(others);
	return is_well;
}

static bool
find(struct found *found, const struct config_source *source, struct faults *faults)
{
	found->inherited = inherited_take(faults);
	if (found->inherited == NULL)
		return false;
	if (found->inherited->parcel_count > 0)
		descriptors_allow_all();
	if (!kept_look(&found->kept, found->inherited->parcels, found->inherited->parcel_count,
	    faults))
		return false;
	parcel_waits = found->kept.receiving != -1;
	found->config = config_load(source, faults);
	if (may_serve(found, faults))
		return true;
	return parcel_waits && fall_back(found, source, faults);
}

static int
serve(struct found *found, const struct arguments *arguments)
{
	const bool keeps = found->inherited->parcel_count > 0;
	struct server_start with = {
		.config = found->config, .source = &arguments->source,
		.inherited = found->inherited, .ready = ready_new(arguments->ready_fd),
		.takes_over = arguments->takes_over,
		.kept = keeps ? &found->kept : NULL,
		.fault = found->fault,
	};
	int status;

	if (with.ready == NULL) {
		perror("echod: --ready-fd");
		return EXIT_FAILURE;
	}
	found->config = NULL;
	found->fault = NULL;
	signal(SIGPIPE, SIG_IGN);
	log_open(&with.config->log);
	if (with.fault != NULL)
		log_error("%s", with.fault); /* stderr has all of them */
	log_errors_to_stderr(true);
	if (!tls_initialise()) /* before threads and the sandbox: a reload may want it */
		log_warning("OpenSSL does not work: no reload can add a TLS listener");
	status = server_run(&with);
	log_stop();
	return status;
}

static int
run(const struct arguments *arguments)
{
	struct found found = { .kept = { .receiving = -1 } };
	struct faults *faults = faults_new();
	int status = EXIT_FAILURE;
	bool is_well;

	if (faults == NULL) {
		perror("echod");
		return EXIT_FAILURE;
	}
	is_well = find(&found, &arguments->source, faults);
	tell(faults);
	if (!is_well)
		status = final(status_of(faults));
	else if (arguments->takes_over && !knows_from_whom(found.config))
		status = final(EXIT_USAGE);
	else
		status = serve(&found, arguments);
	found_free(&found);
	faults_free(faults);
	return status;
}

/* What is no fault but should be known is on stderr. */
static void
test(const struct config *config, const char *path)
{
	certificates_tell(config);
	log_stop();
	printf("%s: OK\n", path);
}

/* NULL: prints nothing.  Returns false where it is no such answer. */
static bool
print_text(const struct arguments *arguments, const struct ask_answer *answer, bool *serves,
    FILE *out)
{
	*serves = true;
	if (arguments->connections != NULL)
		return connections_text_print(answer->text, answer->length, out);
	return status_text_print(answer->text, answer->length, serves, out);
}

/* The same, and nothing is printed of one that is none; *serves is whether it serves. */
static bool
print_answer(const struct arguments *arguments, const struct ask_answer *answer, bool *serves)
{
	if (!print_text(arguments, answer, serves, NULL))
		return false;
	if (arguments->json)
		fwrite(answer->text, 1, answer->length, stdout);
	else
		print_text(arguments, answer, serves, stdout);
	return true;
}

/* 0: it serves, or says who is connected; 1: it does not; 2: nobody is there. */
static int
print_status(const struct config *config, const struct arguments *arguments)
{
	struct endpoint_view endpoints[CONFIG_OBSERVE_MAX];
	const size_t count = config_observe_endpoints(config, endpoints);
	char target[ASK_TARGET_SIZE] = PAGES_STATUS;
	struct ask_answer answer;
	enum ask_result result;
	bool serves;

	if (arguments->connections != NULL)
		snprintf(target, sizeof(target), PAGES_CONNECTIONS "?%s", arguments->connections);
	result = ask_page(endpoints, count, target, &answer);
	if (result != ASK_ANSWERED || !print_answer(arguments, &answer, &serves)) {
		free(answer.text);
		fprintf(stderr, "echod: %s\n", answer.fault);
		return result == ASK_NOBODY ? EXIT_NOBODY : EXIT_FAILURE;
	}
	free(answer.text);
	return finish_output() == EXIT_SUCCESS && serves ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* What the mode asks for.  Returns the exit status. */
static int
act(const struct arguments *arguments)
{
	struct config *config;
	int status;

	if (arguments->mode == MODE_RUN)
		return run(arguments);
	config = load(&arguments->source, &status);
	if (config == NULL)
		return status;
	if (arguments->mode == MODE_STATUS)
		status = print_status(config, arguments);
	else if (arguments->mode == MODE_DUMP)
		config_dump(config, stdout);
	else
		test(config, arguments->source.path);
	config_free(config);
	return arguments->mode == MODE_STATUS ? status : finish_output();
}

int
main(int argc, char **argv)
{
	struct arguments arguments = {
		.source = { .path = SYSCONFDIR "/echod.conf", .may_be_missing = true },
		.ready_fd = -1,
	};
	int status;

	signals_hold();
	parcel_waits = manager_has_parcel();
	descriptors_occupy_standard();
	signal(SIGXFSZ, SIG_IGN); /* a file that a message no longer fits in ends nothing */
	parse_arguments(&arguments, argc, argv);
	status = act(&arguments);
	free(arguments.listen);
	free(arguments.set);
	return status;
}
