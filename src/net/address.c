/* Socket addresses: see address.h. */
#include "net/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

/* --- reading ------------------------------------------------------------------------ */

/* Those of which each interface has its own (RFC 4007), as the kernel sees it. */
static bool
has_scope(const struct address *address)
{
	const struct in6_addr *in6 = &address->in6.sin6_addr;

	return address->sa.sa_family == AF_INET6 &&
	    (IN6_IS_ADDR_LINKLOCAL(in6) || IN6_IS_ADDR_MC_LINKLOCAL(in6) ||
	    IN6_IS_ADDR_MC_NODELOCAL(in6));
}

/* Reads what is before the "%"; *scope is what follows it, or NULL where there is none. */
static bool
parse_host(struct address *address, const char *text, const char **scope)
{
	const size_t length = strcspn(text, "%");
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	char host[INET6_ADDRSTRLEN];

	if (length >= sizeof(host))
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	*scope = text[length] == '%' ? text + length + 1 : NULL;
	if (inet_pton(AF_INET, host, &in4.sin_addr) == 1)
		address_from_sockaddr(address, (struct sockaddr *)&in4, sizeof(in4));
	else if (inet_pton(AF_INET6, host, &in6.sin6_addr) == 1)
		address_from_sockaddr(address, (struct sockaddr *)&in6, sizeof(in6));
	else
		return false;
	return true;
}

/* Returns the number of an interface, or 0: there is none of this name. */
static uint32_t
find_interface(const char *scope)
{
	const uint32_t found = if_nametoindex(scope);
	uint64_t number = 0;

	if (found != 0 || *scope == '\0' || strlen(scope) > strlen("4294967295"))
		return found;
	for (; *scope >= '0' && *scope <= '9'; scope++)
		number = number * 10 + (uint64_t)(*scope - '0');
	return *scope == '\0' && number <= UINT32_MAX ? (uint32_t)number : 0;
}

static void
format_host(const struct address *address, char host[INET6_ADDRSTRLEN])
{
	if (address->sa.sa_family == AF_INET)
		inet_ntop(AF_INET, &address->in4.sin_addr, host, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, &address->in6.sin6_addr, host, INET6_ADDRSTRLEN);
}

bool
address_parse(struct address *address, const char *text, uint16_t port)
{
	struct address parsed;
	const char *scope;

	if (!parse_host(&parsed, text, &scope))
		return false;
	if (scope != NULL) {
		if (!has_scope(&parsed))
			return false;
		parsed.in6.sin6_scope_id = find_interface(scope);
		if (parsed.in6.sin6_scope_id == 0)
			return false;
	}
	address_set_port(&parsed, port);
	*address = parsed;
	return true;
}

/* What the kernel takes for an interface's name, whether there is one or not; or a number. */
static bool
is_interface(const char *scope)
{
	const size_t length = strcspn(scope, "/:% \t\n\v\f\r");

	return length > 0 && length < IF_NAMESIZE && scope[length] == '\0';
}

bool
address_check_host(const char *text, char host[ADDRESS_HOST_SIZE], char right[ADDRESS_RIGHT_SIZE])
{
	char bare[INET6_ADDRSTRLEN];
	struct address address;
	const char *scope;

	*right = '\0';
	if (!parse_host(&address, text, &scope))
		return false;
	format_host(&address, bare);
	if (scope != NULL && !has_scope(&address))
		snprintf(right, ADDRESS_RIGHT_SIZE,
		    "only a link-local address has a scope: give %s", bare);
	else if (scope == NULL && has_scope(&address))
		snprintf(right, ADDRESS_RIGHT_SIZE,
		    "a link-local address needs its interface, as in %s%%eth0", bare);
	else if (scope != NULL && !is_interface(scope))
		snprintf(right, ADDRESS_RIGHT_SIZE,
		    "give the name of an interface behind the \"%%\", as in %s%%eth0", bare);
	else
		snprintf(host, ADDRESS_HOST_SIZE, "%s%s%s", bare, scope != NULL ? "%" : "",
		    scope != NULL ? scope : "");
	return *right == '\0';
}

/* A v4-mapped one becomes the IPv4 address that it stands for. */
static void
unmap(struct address *address)
{
	const struct in6_addr mapped = address->in6.sin6_addr;
	const in_port_t port = address->in6.sin6_port;

	memset(address, 0, sizeof(*address));
	address->in4.sin_family = AF_INET;
	address->in4.sin_port = port;
	memcpy(&address->in4.sin_addr, &mapped.s6_addr[12], sizeof(address->in4.sin_addr));
}

/* Sizes that the compiler knows come first: each datagram's source passes here. */
void
address_from_sockaddr(struct address *address, const struct sockaddr *sa, socklen_t length)
{
	memset(address, 0, sizeof(*address));
	if (length == sizeof(address->in4))
		memcpy(address, sa, sizeof(address->in4));
	else if (length >= sizeof(*address))
		memcpy(address, sa, sizeof(*address));
	else
		memcpy(address, sa, length);
	if (address->sa.sa_family != AF_INET6)
		return;
	if (IN6_IS_ADDR_V4MAPPED(&address->in6.sin6_addr))
		unmap(address);
	else if (!has_scope(address))
		address->in6.sin6_scope_id = 0;
}

struct address
address_of_unix_peer(uid_t uid, pid_t pid)
{
	struct address address;

	memset(&address, 0, sizeof(address));
	address.unix_peer.family = AF_UNIX;
	address.unix_peer.uid = uid;
	address.unix_peer.pid = pid;
	return address;
}

/* --- values ------------------------------------------------------------------------- */

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

void
address_set_port(struct address *address, uint16_t port)
{
	if (address->sa.sa_family == AF_INET)
		address->in4.sin_port = htons(port);
	else if (address->sa.sa_family == AF_INET6)
		address->in6.sin6_port = htons(port);
}

bool
address_is_wildcard(const struct address *address)
{
	if (address->sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&address->in6.sin6_addr);
	return address->sa.sa_family == AF_INET && address->in4.sin_addr.s_addr == htonl(INADDR_ANY);
}

bool
address_is_loopback(const struct address *address)
{
	if (address->sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&address->in6.sin6_addr);
	return address->sa.sa_family == AF_INET &&
	    ntohl(address->in4.sin_addr.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET;
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

/* --- writing ------------------------------------------------------------------------ */

static const char *
format_in6(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
	char host[INET6_ADDRSTRLEN], interface[IF_NAMESIZE];
	const uint32_t scope = address->in6.sin6_scope_id;
	const unsigned port = address_port(address);

	format_host(address, host);
	if (scope == 0)
		snprintf(text, ADDRESS_TEXT_SIZE, "[%s]:%u", host, port);
	else if (if_indextoname(scope, interface) != NULL)
		snprintf(text, ADDRESS_TEXT_SIZE, "[%s%%%s]:%u", host, interface, port);
	else
		snprintf(text, ADDRESS_TEXT_SIZE, "[%s%%%u]:%u", host, scope, port);
	return text;
}

static const char *
format_unix_peer(const struct unix_peer *peer, char text[ADDRESS_TEXT_SIZE])
{
	const int used = snprintf(text, ADDRESS_TEXT_SIZE, "uid:%u", (unsigned)peer->uid);

	if (peer->pid != 0)
		snprintf(text + used, ADDRESS_TEXT_SIZE - (size_t)used, ",pid:%d", (int)peer->pid);
	return text;
}

const char *
address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
	char host[INET6_ADDRSTRLEN];

	switch (address->sa.sa_family) {
	case AF_INET:
		format_host(address, host);
		snprintf(text, ADDRESS_TEXT_SIZE, "%s:%u", host, address_port(address));
		return text;
	case AF_INET6:
		return format_in6(address, text);
	case AF_UNIX:
		return format_unix_peer(&address->unix_peer, text);
	default:
		snprintf(text, ADDRESS_TEXT_SIZE, "unknown");
		return text;
	}
}
