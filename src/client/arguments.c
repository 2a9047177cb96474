/* What the modes' command lines have in common: see arguments.h. */
#include "client/arguments.h"

#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/report.h"
#include "net/address.h"

static const char forms[] = "write URI, HOST, HOST:PORT or HOST PORT";

void
common_init(struct common_arguments *common)
{
	*common = (struct common_arguments){ .wish = { .family = AF_UNSPEC, .timeout = 10 } };
}

void
common_dispose(struct common_arguments *common)
{
	tls_context_release(common->wish.tls);
}

static void
print_version(void)
{
	printf("echod-client %s %s, libevent %s, jansson %s\n", PACKAGE_VERSION, tls_feature(),
	    event_get_version(), jansson_version_str());
}

/* Returns false where the option is none of TLS. */
static bool
take_tls(struct tls_asked *asked, int option)
{
	switch (option) {
	case OPTION_CA:
		asked->ca = optarg;
		asked->option = "--ca";
		break;
	case OPTION_CERT:
		asked->certificate = optarg;
		asked->option = "--cert";
		break;
	case OPTION_KEY:
		asked->key = optarg;
		asked->option = "--key";
		break;
	case OPTION_SNI:
		argument_check("--sni", optarg, tls_asked_name(asked, optarg));
		break;
	case OPTION_ALPN:
		argument_check("--alpn", optarg, tls_asked_alpn(asked, optarg));
		break;
	case OPTION_INSECURE:
		asked->is_insecure = true;
		asked->option = "--insecure";
		break;
	case OPTION_TLS_MIN:
		argument_check("--tls-min", optarg, tls_asked_minimum(asked, optarg));
		break;
	default:
		return false;
	}
	return true;
}

/* Returns false where the option is not one of all modes. */
static bool
take(struct common_arguments *common, int option)
{
	switch (option) {
	case '4':
		common->wish.family = AF_INET;
		break;
	case '6':
		common->wish.family = AF_INET6;
		break;
	case 't':
		common->wish.timeout = argument_seconds("-t", optarg, 0.001, 86400);
		break;
	case OPTION_WAIT_UNTIL_UP:
		common->until_up = argument_seconds("--wait-until-up", optarg, 0.001, 1000000);
		break;
	case OPTION_PROXY:
		argument_check("--proxy", optarg, proxying_parse(&common->wish.proxying, optarg));
		break;
	case OPTION_EXPECT_GREETING:
		argument_check("--expect-greeting", optarg,
		    pattern_parse(&common->wish.greeting, optarg));
		break;
	case OPTION_JSON:
		common->json = true;
		break;
	case 'V':
		print_version();
		exit(report_flush(EXIT_SUCCESS));
	case 'h':
		options_print_help();
		exit(report_flush(EXIT_SUCCESS));
	case '?':
		fputs("Try \"echod-client --help\".\n", stderr);
		exit(EXIT_USAGE);
	default:
		return take_tls(&common->tls, option);
	}
	return true;
}

int
common_next(struct common_arguments *common, enum option_group mode, int argc, char **argv)
{
	int option;

	do
		option = options_next(mode, argc, argv);
	while (option != -1 && take(common, option));
	return option;
}

/* What a target is read from: `port` is NULL where it is one word. */
struct written {
	const char *target, *port;
	const char *file; /* where it stands; line 0: on the command line */
	size_t line;
};

static void __attribute__((noreturn))
refuse(const struct written *written, const char *right)
{
	const bool has_port = written->port != NULL;

	if (written->line > 0)
		report_unusable("%s:%zu: %s%s%s: %s", written->file, written->line,
		    written->target, has_port ? " " : "", has_port ? written->port : "", right);
	report_unusable("%s%s%s: %s", written->target, has_port ? " " : "",
	    has_port ? written->port : "", right);
}

/* What has no ":" or "%" in it may be a name. */
static void
check_numeric(const struct common_arguments *common, const struct written *written)
{
	const char *host = common->wish.uri.host;
	char text[ADDRESS_HOST_SIZE], right[ADDRESS_RIGHT_SIZE];

	if (strpbrk(host, ":%") == NULL || address_check_host(host, text, right))
		return;
	if (*right == '\0')
		refuse(written, common->is_bare ? forms : "this is no address");
	refuse(written, right);
}

/* What the protocol of the target has no use for. */
static void
check_options(const struct common_arguments *common)
{
	const struct channel_wish *wish = &common->wish;
	const char *protocol = protocol_name(protocol_default());
	char names[PROTOCOLS_TEXT_SIZE];

	if (wish->family != AF_UNSPEC && !protocol_has_ports(wish->uri.protocol))
		report_unusable("%s is for addresses: give %s",
		    wish->family == AF_INET ? "-4" : "-6", protocol_names_of(protocol_has_ports, names));
	if (wish->proxying.header.version != 0 && !channel_is_stream(wish))
		report_unusable("--proxy is for connections: give %s", protocol);
	if (wish->greeting.size > 0 && !channel_is_stream(wish))
		report_unusable("--expect-greeting is for connections: give %s", protocol);
	if (common->tls.option != NULL && !protocol_is_secure(wish->uri.protocol))
		report_unusable("%s is for TLS: give tls://HOST:PORT", common->tls.option);
}

static void
prepare_tls(struct common_arguments *common)
{
	struct channel_wish *wish = &common->wish;
	const char *fault = tls_asked_check(&common->tls);
	char text[TLS_TEXT_SIZE];

	if (fault != NULL)
		report_unusable("%s", fault);
	tls_asked_server(&common->tls, wish->uri.host, common->tls_name);
	wish->tls_name = common->tls_name;
	wish->tls = tls_asked_context(&common->tls, common->tls_name, text);
	if (wish->tls == NULL)
		report_unusable("%s", text);
}

/* `text` is the URI that was written, or is meant. */
static void
parse(struct common_arguments *common, const char *text, const struct written *written)
{
	struct endpoint *uri = &common->wish.uri;
	const char *fault = endpoint_parse(uri, text);

	if (fault != NULL)
		refuse(written, fault);
	if (protocol_has_ports(uri->protocol) && uri->port == 0)
		refuse(written, "give a port from 1 to 65535");
	if (endpoint_is_any(uri->host))
		refuse(written, "give a host");
	if (protocol_has_ports(uri->protocol))
		check_numeric(common, written);
	check_options(common);
	if (protocol_is_secure(uri->protocol))
		prepare_tls(common);
	endpoint_format(uri->protocol, uri->host, uri->port, common->uri, sizeof(common->uri));
}

/* A bare HOST [PORT] as a URI. */
static void
take_host(struct common_arguments *common, const char *host, const char *port,
    const struct written *written)
{
	const bool ipv6 = *host != '[' && strchr(host, ':') != strrchr(host, ':');
	char text[ENDPOINT_TEXT_SIZE];

	common->is_bare = true;
	if (strlen(host) >= ENDPOINT_HOST_SIZE || strlen(port) > strlen("65535/"))
		refuse(written, forms);
	snprintf(text, sizeof(text), ipv6 ? "%s://[%s]:%s" : "%s://%s:%s",
	    protocol_name(protocol_default()), host, port);
	parse(common, text, written);
}

/* Returns the ":" between host and port, or NULL: an IPv6 address has its own. */
static const char *
find_port(const char *text)
{
	const char *colon = strrchr(text, ':');

	if (*text == '[')
		return colon != NULL && colon[-1] == ']' ? colon : NULL;
	return colon == strchr(text, ':') ? colon : NULL;
}

void
common_take_uri(struct common_arguments *common, const char *text)
{
	const struct written written = { text, NULL, common->file, common->line };
	const char *colon = find_port(text);
	char host[ENDPOINT_HOST_SIZE], port[sizeof("65535")];

	if (endpoint_is_uri(text)) {
		parse(common, text, &written);
	} else if (colon != NULL && (size_t)(colon - text) < sizeof(host)) {
		snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
		take_host(common, host, colon + 1, &written);
	} else {
		snprintf(port, sizeof(port), "%u",
		    (unsigned)protocol_default_port(protocol_default()));
		take_host(common, text, port, &written);
	}
}

bool
common_has_port(const char *text)
{
	return endpoint_is_uri(text) || find_port(text) != NULL;
}

/* Operands that begin with a mode, or with what was meant to be one. */
static void
check_modes(int count, char **rest)
{
	const char *near = options_near_mode(rest[0]);

	for (int i = 0; i < count; i++)
		if (options_is_mode(rest[i]))
			report_unusable("%s: the mode comes first, as in \"echod-client %s %s\"",
			    rest[i], options_near_mode(rest[i]), rest[i == 0]);
	if (near != NULL)
		report_unusable("%s: there is no such mode: did you mean %s?", rest[0], near);
}

void
common_take_host(struct common_arguments *common, const char *host, const char *port)
{
	const struct written written = { host, port, common->file, common->line };

	if (port == NULL)
		common_take_uri(common, host);
	else if (endpoint_is_uri(host))
		refuse(&written, "the port is a part of the URI");
	else
		take_host(common, host, port, &written);
}

static bool
is_number(const char *text)
{
	return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

void
common_take_target(struct common_arguments *common, int count, char **rest)
{
	if (count == 0)
		report_unusable("give a URI, HOST or HOST PORT; try \"echod-client --help\"");
	if (count > 2 || (count == 2 && !is_number(rest[1])))
		check_modes(count, rest);
	if (count > 2 || (count == 2 && endpoint_is_uri(rest[0])))
		report_unusable("unexpected argument \"%s\"", rest[count - 1]);
	if (count == 2)
		common_take_host(common, rest[0], rest[1]);
	else
		common_take_uri(common, rest[0]);
}

void
common_unreached(const struct common_arguments *common, enum ending ending, const char *fault)
{
	const char *mode = options_near_mode(common->wish.uri.host);

	if (ending != ENDING_UNRESOLVED || !common->is_bare || mode == NULL)
		report_unreached(ending, "%s", fault);
	if (options_is_mode(common->wish.uri.host))
		report_unreached(ending, "%s; the mode comes first, as in \"echod-client %s HOST\"",
		    fault, mode);
	report_unreached(ending, "%s; did you mean the mode %s?", fault, mode);
}

/* --- values -------------------------------------------------------------------------- */

void
argument_check(const char *option, const char *text, const char *right)
{
	if (right != NULL)
		report_unusable("%s %s: %s", option, text, right);
}

/* Of "500ms" the seconds; -1 where it is nothing of the kind. */
static double
convert(const char *unit, double value)
{
	static const struct {
		const char *names; /* each with a blank on both sides */
		double seconds;
	} units[] = {
		{ " us µs ", 1e-6 }, { " ms ", 1e-3 }, { " s sec secs second seconds ", 1 },
		{ " m min mins minutes ", 60 }, { " h hour hours ", 3600 },
	};
	char name[16];

	snprintf(name, sizeof(name), " %s ", unit + strspn(unit, " "));
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strstr(units[i].names, name) != NULL)
			return value * units[i].seconds;
	return -1;
}

double
argument_seconds(const char *option, const char *text, double least, double most)
{
	char *end;
	const double value = strtod(text, &end);

	if (end == text || *end != '\0' || !isfinite(value) || value < least || value > most) {
		const double meant = end != text && *end != '\0' ? convert(end, value) : -1;

		if (meant >= least && meant <= most)
			report_unusable("%s %s: give seconds without a unit: %s %.10g", option,
			    text, option, meant);
		report_unusable("%s %s: give %g to %.0f seconds", option, text, least, most);
	}
	return value;
}

double
argument_rate(const char *option, const char *text, double least, double most)
{
	char *end;
	double value = strtod(text, &end);
	const bool is_number = end != text, is_in_thousands = *end == 'K' || *end == 'k';
	const bool is_in_millions = *end == 'M' || *end == 'm';

	value *= is_in_thousands ? 1e3 : is_in_millions ? 1e6 : 1;
	end += is_in_thousands || is_in_millions;
	if (!is_number || *end != '\0' || !(value >= least && value <= most))
		report_unusable("%s %s: give %.0f to %.0f a second, as in 50000 or 50K", option,
		    text, least, most);
	return value;
}

long
argument_number(const char *option, const char *text, long least, long most)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || value < least || value > most)
		report_unusable("%s %s: give %ld to %ld", option, text, least, most);
	return value;
}
