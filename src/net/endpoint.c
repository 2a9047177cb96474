/* Where to listen or to connect: see endpoint.h. */
#include "net/endpoint.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Hosts that are no address: each that the host has, and those of the loopback. */
#define ANY "*"
#define LOCALHOST "localhost"

/* The same each time: a constant but for where its words come from. */
static const char *
scheme_fault(void)
{
	static char fault[PROTOCOLS_TEXT_SIZE + sizeof("write ")];
	char forms[PROTOCOLS_TEXT_SIZE];

	snprintf(fault, sizeof(fault), "write %s", protocol_forms(forms));
	return fault;
}

/* Reads the name of a protocol, up to a ":" or the end.  Returns false where it is none. */
static bool
read_protocol(const char **text, enum protocol *protocol)
{
	const size_t length = strcspn(*text, ":");
	char name[8];

	if (length >= sizeof(name))
		return false;
	for (size_t i = 0; i < length; i++) /* RFC 3986, 3.1 */
		name[i] = (char)tolower((unsigned char)(*text)[i]);
	name[length] = '\0';
	*text += length;
	return protocol_parse(name, protocol);
}

/* Reads the name of the protocol and what separates it from the place. */
static const char *
parse_scheme(struct endpoint *endpoint, const char **rest)
{
	const char *separator;

	if (!read_protocol(rest, &endpoint->protocol))
		return scheme_fault();
	separator = protocol_separator(endpoint->protocol);
	if (strncmp(*rest, separator, strlen(separator)) != 0)
		return scheme_fault();
	*rest += strlen(separator);
	return NULL;
}

/* Others write unix:///PATH: more slashes than one are one. */
static const char *
parse_name(struct endpoint *endpoint, const char *name)
{
	const char *fault;

	if (strncmp(name, "//@", 3) == 0)
		name += 2;
	while (name[0] == '/' && name[1] == '/')
		name++;
	if ((fault = unix_name_fault(name)) != NULL)
		return fault;
	snprintf(endpoint->host, sizeof(endpoint->host), "%s", name);
	endpoint->port = 0;
	return NULL;
}

/*
 * In a URI the "%" before an interface may be written "%25" (RFC 6874).  An interface that is
 * given by its number has the digits alone: "%251" is 251, as it is printed.
 */
static bool
has_escape(const char *scope)
{
	return strncmp(scope, "25", 2) == 0 &&
	    scope[2 + strspn(scope + 2, "0123456789")] != '\0';
}

static void
take_escape(char *host)
{
	char *scope = strchr(host, '%');

	if (scope != NULL && has_escape(++scope))
		memmove(scope, scope + 2, strlen(scope + 2) + 1);
}

/* The host ends at what follows it outside brackets (RFC 3986, 3.2); it must not be empty. */
static const char *
parse_host(struct endpoint *endpoint, const char **rest)
{
	const char *start = *rest, *end;

	if (*start == '[') {
		end = strrchr(++start, ']'); /* an interface's name may have one as well */
		if (end == NULL)
			return "the IPv6 address lacks its \"]\"";
		if (end > start && memchr(start, ':', (size_t)(end - start)) == NULL)
			return "brackets are for IPv6 addresses alone";
		*rest = end + 1;
	} else {
		end = start + strcspn(start, ":/?#");
		if (strchr(start, '@') != NULL)
			return "no user stands before the host: leave out the \"@\" and what is before";
		if (*end == ':' && strchr(end + 1, ':') != NULL)
			return "write an IPv6 address in brackets: [::1]";
		*rest = end;
	}
	if (end == start)
		return "the host is missing";
	if (end - start >= ENDPOINT_HOST_SIZE)
		return "the host is longer than 255 characters";
	memcpy(endpoint->host, start, (size_t)(end - start));
	endpoint->host[end - start] = '\0';
	if (*end == ']')
		take_escape(endpoint->host);
	return NULL;
}

/* The empty path of a URI may follow it. */
static const char *
parse_port(struct endpoint *endpoint, const char *rest)
{
	static const char fault[] = "the port is a number from 0 to 65535, and 0 is to listen on";
	unsigned port = 0;
	size_t digits;

	if (*rest != ':')
		return "the port is missing: write it after the host, as in tcp://localhost:7";
	digits = strspn(++rest, "0123456789");
	if (digits == 0 || digits > 5)
		return fault;
	for (size_t i = 0; i < digits; i++)
		port = port * 10 + (unsigned)(rest[i] - '0');
	if (port > UINT16_MAX)
		return fault;
	endpoint->port = (uint16_t)port;
	rest += digits;
	if (strcmp(rest, "") == 0 || strcmp(rest, "/") == 0)
		return NULL;
	return strchr("/?#", *rest) != NULL ? "nothing may follow the port" : fault;
}

/* "tcp:localhost" lacks its slashes; "tcp:7" is a host that is called so. */
bool
endpoint_is_uri(const char *text)
{
	enum protocol protocol;

	if (strstr(text, "://") != NULL)
		return true;
	if (!read_protocol(&text, &protocol) || *text++ != ':')
		return false;
	return !protocol_has_ports(protocol) || text[strspn(text, "0123456789")] != '\0';
}

const char *
endpoint_parse(struct endpoint *endpoint, const char *text)
{
	const char *fault;

	if ((fault = parse_scheme(endpoint, &text)) != NULL)
		return fault;
	if (!protocol_has_ports(endpoint->protocol))
		return parse_name(endpoint, text);
	if ((fault = parse_host(endpoint, &text)) != NULL)
		return fault;
	return parse_port(endpoint, text);
}

const char *
endpoint_format(enum protocol protocol, const char *host, uint16_t port, char *text, size_t size)
{
	const bool brackets = strchr(host, ':') != NULL;
	const char *scope = brackets ? strchr(host, '%') : NULL;
	const bool escape = scope != NULL && has_escape(scope + 1);
	const int before = escape ? (int)(scope - host) : (int)strlen(host);

	if (protocol_has_ports(protocol))
		snprintf(text, size, "%s%s%s%.*s%s%s%s:%u", protocol_name(protocol),
		    protocol_separator(protocol), brackets ? "[" : "", before, host,
		    escape ? "%25" : "", escape ? scope + 1 : "", brackets ? "]" : "",
		    (unsigned)port);
	else
		snprintf(text, size, "%s%s%s", protocol_name(protocol),
		    protocol_separator(protocol), host);
	return text;
}

const char *
endpoint_format_view(const struct endpoint_view *view, char text[ENDPOINT_TEXT_SIZE])
{
	return endpoint_format(view->protocol, view->host, view->port, text, ENDPOINT_TEXT_SIZE);
}

const char *
endpoint_format_socket(enum protocol protocol, const struct address *address, bool is_any,
    char text[ENDPOINT_SOCKET_SIZE])
{
	char host[ADDRESS_TEXT_SIZE];

	if (is_any)
		return endpoint_format(protocol, ANY, address_port(address), text,
		    ENDPOINT_SOCKET_SIZE);
	snprintf(text, ENDPOINT_SOCKET_SIZE, "%s%s%s", protocol_name(protocol),
	    protocol_separator(protocol), address_format(address, host));
	return text;
}

/* --- what a host means ---------------------------------------------------------------- */

bool
endpoint_is_any(const char *host)
{
	return strcmp(host, ANY) == 0;
}

static bool
is_localhost(const char *host)
{
	return strcmp(host, LOCALHOST) == 0;
}

bool
endpoint_check_host(const char *text, char host[ADDRESS_HOST_SIZE], char right[ADDRESS_RIGHT_SIZE])
{
	if (endpoint_is_any(text) || is_localhost(text)) {
		snprintf(host, ADDRESS_HOST_SIZE, "%s", text);
		return true;
	}
	if (address_check_host(text, host, right))
		return true;
	if (*right == '\0')
		snprintf(right, ADDRESS_RIGHT_SIZE,
		    "give a numeric IPv4 or IPv6 address, \"" ANY "\" or \"" LOCALHOST "\"");
	return false;
}

static void
add(struct endpoint_cover *cover, const char *text, uint16_t port)
{
	if (address_parse(&cover->addresses[cover->count], text, port))
		cover->count++;
}

struct endpoint_cover
endpoint_cover(const struct endpoint_view *view)
{
	struct endpoint_cover cover = { 0 };

	if (!protocol_has_ports(view->protocol))
		return cover;
	cover.dual_stack = endpoint_is_any(view->host);
	if (cover.dual_stack) {
		add(&cover, "::", view->port);
		add(&cover, "0.0.0.0", view->port);
	} else if (is_localhost(view->host)) {
		add(&cover, "127.0.0.1", view->port);
		add(&cover, "::1", view->port);
	} else {
		add(&cover, view->host, view->port);
	}
	return cover;
}

bool
endpoint_covers(const struct endpoint_view *view, enum protocol protocol,
    const struct address *address, bool dual_stack)
{
	const struct endpoint_cover cover = endpoint_cover(view);

	if (!protocol_shares_addresses(view->protocol, protocol) || view->port == 0 ||
	    (dual_stack && !cover.dual_stack))
		return false;
	for (size_t i = 0; i < cover.count; i++)
		if (address_equal(&cover.addresses[i], address))
			return true;
	return false;
}

static bool
has_wildcard6(const struct endpoint_cover *cover)
{
	return cover->count > 0 && cover->addresses[0].sa.sa_family == AF_INET6 &&
	    address_is_wildcard(&cover->addresses[0]);
}

/* A link-local address whose interface is not there yet is below "::" all the same. */
static bool
covers_overlap(const struct endpoint_cover *a, const struct endpoint_cover *b)
{
	if (a->count == 0 || b->count == 0)
		return has_wildcard6(a) || has_wildcard6(b);
	for (size_t i = 0; i < a->count; i++)
		for (size_t j = 0; j < b->count; j++) {
			const struct address *x = &a->addresses[i], *y = &b->addresses[j];

			if (x->sa.sa_family == y->sa.sa_family &&
			    (address_is_wildcard(x) || address_is_wildcard(y) ||
			    address_equal(x, y)))
				return true;
		}
	return false;
}

bool
endpoint_overlap(const struct endpoint_view *a, const struct endpoint_view *b)
{
	struct endpoint_cover of_a, of_b;

	if (!protocol_shares_addresses(a->protocol, b->protocol) || a->port != b->port ||
	    (a->port == 0 && protocol_has_ports(a->protocol)))
		return false;
	if (strcmp(a->host, b->host) == 0) /* also on an interface that is not there */
		return true;
	if (!protocol_has_ports(a->protocol))
		return false;
	of_a = endpoint_cover(a);
	of_b = endpoint_cover(b);
	return covers_overlap(&of_a, &of_b);
}
