/* Socket addresses: see address.h. */
#include "common/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

bool
address_parse(struct address *address, const char *text, uint16_t port)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM,
	};
	struct in_addr in4;
	struct addrinfo *found;

	/* getaddrinfo() alone would take "1" and "0x7f.1", which no one means. */
	if (strchr(text, ':') == NULL && inet_pton(AF_INET, text, &in4) != 1)
		return false;
	if (getaddrinfo(text, NULL, &hints, &found) != 0)
		return false;
	address_from_sockaddr(address, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	address_set_port(address, port);
	return true;
}

void
address_from_sockaddr(struct address *address, const struct sockaddr *sa, socklen_t length)
{
	const size_t size = length < sizeof(*address) ? length : sizeof(*address);
	struct in6_addr mapped;
	in_port_t port;

	memset(address, 0, sizeof(*address));
	memcpy(address, sa, size);
	if (address->sa.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address->in6.sin6_addr))
		return;
	mapped = address->in6.sin6_addr;
	port = address->in6.sin6_port;
	memset(address, 0, sizeof(*address));
	address->in4.sin_family = AF_INET;
	address->in4.sin_port = port;
	memcpy(&address->in4.sin_addr, &mapped.s6_addr[12], sizeof(address->in4.sin_addr));
}

socklen_t
address_length(const struct address *address)
{
	switch (address->sa.sa_family) {
	case AF_INET:
		return sizeof(address->in4);
	case AF_INET6:
		return sizeof(address->in6);
	default:
		return sizeof(address->sa);
	}
}

uint16_t
address_port(const struct address *address)
{
	switch (address->sa.sa_family) {
	case AF_INET:
		return ntohs(address->in4.sin_port);
	case AF_INET6:
		return ntohs(address->in6.sin6_port);
	default:
		return 0;
	}
}

void
address_set_port(struct address *address, uint16_t port)
{
	if (address->sa.sa_family == AF_INET)
		address->in4.sin_port = htons(port);
	else if (address->sa.sa_family == AF_INET6)
		address->in6.sin6_port = htons(port);
}

bool
address_equal(const struct address *a, const struct address *b)
{
	if (a->sa.sa_family != b->sa.sa_family || address_port(a) != address_port(b))
		return false;
	switch (a->sa.sa_family) {
	case AF_INET:
		return a->in4.sin_addr.s_addr == b->in4.sin_addr.s_addr;
	case AF_INET6:
		return a->in6.sin6_scope_id == b->in6.sin6_scope_id &&
		    memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof(a->in6.sin6_addr)) == 0;
	default:
		return false;
	}
}

static const char *
format_in6(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
	char host[INET6_ADDRSTRLEN], interface[IF_NAMESIZE];
	const uint32_t scope = address->in6.sin6_scope_id;
	const unsigned port = address_port(address);

	inet_ntop(AF_INET6, &address->in6.sin6_addr, host, sizeof(host));
	if (scope == 0)
		snprintf(text, ADDRESS_TEXT_SIZE, "[%s]:%u", host, port);
	else if (if_indextoname(scope, interface) != NULL)
		snprintf(text, ADDRESS_TEXT_SIZE, "[%s%%%s]:%u", host, interface, port);
	else
		snprintf(text, ADDRESS_TEXT_SIZE, "[%s%%%u]:%u", host, scope, port);
	return text;
}

const char *
address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
	char host[INET_ADDRSTRLEN];

	switch (address->sa.sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &address->in4.sin_addr, host, sizeof(host));
		snprintf(text, ADDRESS_TEXT_SIZE, "%s:%u", host, address_port(address));
		return text;
	case AF_INET6:
		return format_in6(address, text);
	default:
		snprintf(text, ADDRESS_TEXT_SIZE, "unknown");
		return text;
	}
}
