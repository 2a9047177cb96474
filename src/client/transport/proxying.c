/* The header of the PROXY protocol: see proxying.h. */
#include "client/transport/proxying.h"

#include <stdio.h>
#include <string.h>

#include "net/endpoint.h"

static const char right[] =
    "give v1 or v2, with =SRC,DST as in v1=192.0.2.1:1024,192.0.2.2:7 or"
    " v2=[2001:db8::1]:1024,[2001:db8::2]:7, or =unknown, or v2=local";

/* An address with a port, and without an interface, which no header has. */
static bool
parse_address(struct address *address, const char *text, size_t size)
{
	static const char allowed[] = "0123456789abcdefABCDEF.:[]";
	char uri[ENDPOINT_TEXT_SIZE];
	struct endpoint endpoint;

	snprintf(uri, sizeof(uri), "%s://%.*s", protocol_name(protocol_default()),
	    (int)size, text);
	return size < sizeof(uri) / 2 && strspn(text, allowed) >= size &&
	    endpoint_parse(&endpoint, uri) == NULL &&
	    address_parse(address, endpoint.host, endpoint.port);
}

static bool
parse_ends(struct proxy_header *header, const char *text)
{
	const char *comma = strchr(text, ',');

	header->has_addresses = true;
	return comma != NULL && parse_address(&header->source, text, (size_t)(comma - text)) &&
	    parse_address(&header->destination, comma + 1, strlen(comma + 1)) &&
	    header->source.sa.sa_family == header->destination.sa.sa_family;
}

const char *
proxying_parse(struct proxying *proxying, const char *text)
{
	struct proxy_header *header = &proxying->header;

	*proxying = (struct proxying){ .own_ends = false };
	if (*text != 'v' || (text[1] != '1' && text[1] != '2'))
		return right;
	header->version = text[1] == '1' ? 1 : 2;
	text += 2;
	if (*text == '\0')
		proxying->own_ends = true;
	else if (strcmp(text, "=local") == 0 && header->version == 2)
		header->is_local = true;
	else if (strcmp(text, "=unknown") != 0 && (*text != '=' || !parse_ends(header, text + 1)))
		return right;
	return NULL;
}

size_t
proxying_format(const struct proxying *proxying, const struct address *local,
    const struct address *peer, uint8_t text[PROXY_HEADER_SIZE])
{
	struct proxy_header header = proxying->header;
	const int family = peer->sa.sa_family;

	if (proxying->own_ends) {
		header.has_addresses = family == AF_INET || family == AF_INET6;
		header.source = *local;
		header.destination = *peer;
	}
	return proxy_header_format(&header, text);
}
