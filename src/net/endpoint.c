/* Where to listen or to connect: see endpoint.h. */
#include "net/endpoint.h"

#include <stdio.h>
#include <string.h>

/* The same each time: a constant but for where its words come from. */
static const char *
scheme_fault(void)
{
	static char fault[PROTOCOLS_TEXT_SIZE + sizeof("write ")];
	char forms[PROTOCOLS_TEXT_SIZE];

	snprintf(fault, sizeof(fault), "write %s", protocol_forms(forms));
	return fault;
}

static const char *
parse_scheme(struct endpoint *endpoint, const char **rest)
{
	const char *end = strstr(*rest, "://");
	char name[8];

	if (end == NULL || (size_t)(end - *rest) >= sizeof(name))
		return scheme_fault();
	memcpy(name, *rest, (size_t)(end - *rest));
	name[end - *rest] = '\0';
	*rest = end + 3;
	return protocol_parse(name, &endpoint->protocol) ? NULL : scheme_fault();
}

/* The host ends at the last ':' outside brackets; it must not be empty. */
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
		end = start + strcspn(start, ":");
		if (strchr(end, ':') != strrchr(end, ':'))
			return "write an IPv6 address in brackets: [::1]";
		*rest = end;
	}
	if (end == start)
		return "the host is missing";
	if (end - start >= ENDPOINT_HOST_SIZE)
		return "the host is longer than 255 characters";
	memcpy(endpoint->host, start, (size_t)(end - start));
	endpoint->host[end - start] = '\0';
	return NULL;
}

static const char *
parse_port(struct endpoint *endpoint, const char *rest)
{
	static const char fault[] = "the port is a number from 0 to 65535";
	unsigned port = 0;

	if (*rest != ':')
		return "the port is missing: write it after the host, as in tcp://localhost:7";
	rest++;
	if (*rest == '\0' || strlen(rest) > 5)
		return fault;
	for (; *rest != '\0'; rest++) {
		if (*rest < '0' || *rest > '9')
			return fault;
		port = port * 10 + (unsigned)(*rest - '0');
	}
	if (port > UINT16_MAX)
		return fault;
	endpoint->port = (uint16_t)port;
	return NULL;
}

const char *
endpoint_parse(struct endpoint *endpoint, const char *text)
{
	const char *fault;

	if ((fault = parse_scheme(endpoint, &text)) != NULL)
		return fault;
	if ((fault = parse_host(endpoint, &text)) != NULL)
		return fault;
	return parse_port(endpoint, text);
}

const char *
endpoint_format(enum protocol protocol, const char *host, uint16_t port, char *text, size_t size)
{
	const bool brackets = strchr(host, ':') != NULL;

	snprintf(text, size, "%s://%s%s%s:%u", protocol_name(protocol),
	    brackets ? "[" : "", host, brackets ? "]" : "", (unsigned)port);
	return text;
}
