/* The protocols: see protocol.h. */
#include "net/protocol.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const struct row {
	const char *name;
	const char *place; /* what follows the name, with the words of the manuals */
	int family;        /* AF_INET: IPv4 and IPv6; AF_UNIX: paths and abstract names */
	int type;
	int number; /* socket(2)'s protocol */
	uint16_t default_port;
	bool is_secure; /* connections speak TLS */
} rows[] = {
	[PROTOCOL_TCP] = { "tcp", "://HOST:PORT", AF_INET, SOCK_STREAM, IPPROTO_TCP, 7, false },
	[PROTOCOL_UDP] = { "udp", "://HOST:PORT", AF_INET, SOCK_DGRAM, IPPROTO_UDP, 7, false },
	[PROTOCOL_TLS] = { "tls", "://HOST:PORT", AF_INET, SOCK_STREAM, IPPROTO_TCP, 4007, true },
	[PROTOCOL_UNIX] = { "unix", ":PATH", AF_UNIX, SOCK_STREAM, 0, 0, false },
};
_Static_assert(sizeof(rows) / sizeof(rows[0]) == PROTOCOL_COUNT, "a row for each protocol");

const char *
protocol_name(enum protocol protocol)
{
	return rows[protocol].name;
}

bool
protocol_parse(const char *name, enum protocol *protocol)
{
	for (size_t i = 0; i < PROTOCOL_COUNT; i++)
		if (strcmp(name, rows[i].name) == 0) {
			*protocol = (enum protocol)i;
			return true;
		}
	return false;
}

bool
protocol_of_socket(int domain, int type, int number, enum protocol *protocol)
{
	const int family = domain == AF_INET6 ? AF_INET : domain;

	for (size_t i = 0; i < PROTOCOL_COUNT; i++)
		if (rows[i].family == family && rows[i].type == type && rows[i].number == number) {
			*protocol = (enum protocol)i;
			return true;
		}
	return false;
}

bool
protocol_is_stream(enum protocol protocol)
{
	return rows[protocol].type == SOCK_STREAM;
}

bool
protocol_has_ports(enum protocol protocol)
{
	return rows[protocol].family != AF_UNIX;
}

bool
protocol_is_secure(enum protocol protocol)
{
	return rows[protocol].is_secure;
}

int
protocol_socket_type(enum protocol protocol)
{
	return rows[protocol].type;
}

bool
protocol_shares_addresses(enum protocol a, enum protocol b)
{
	return rows[a].family == rows[b].family && rows[a].type == rows[b].type;
}

enum protocol
protocol_default(void)
{
	return PROTOCOL_TCP;
}

uint16_t
protocol_default_port(enum protocol protocol)
{
	return rows[protocol].default_port;
}

enum protocol
protocol_of_paths(void)
{
	return PROTOCOL_UNIX;
}

const char *
protocol_separator(enum protocol protocol)
{
	return protocol_has_ports(protocol) ? "://" : ":";
}

/* --- for texts ---------------------------------------------------------------------- */

/* Of those that `wanted` says, by their place in the table. */
static const char *
list(bool places, uint32_t wanted, char text[PROTOCOLS_TEXT_SIZE])
{
	size_t used = 0;

	for (size_t i = 0; i < PROTOCOL_COUNT && used < PROTOCOLS_TEXT_SIZE; i++) {
		const char *before = used == 0 ? "" : wanted >> (i + 1) == 0 ? " or " : ", ";

		if ((wanted >> i & 1) != 0)
			used += (size_t)snprintf(text + used, PROTOCOLS_TEXT_SIZE - used, "%s%s%s",
			    before, rows[i].name, places ? rows[i].place : "");
	}
	return text;
}

#define ALL ((UINT32_C(1) << PROTOCOL_COUNT) - 1)

const char *
protocol_names(char text[PROTOCOLS_TEXT_SIZE])
{
	return list(false, ALL, text);
}

const char *
protocol_forms(char text[PROTOCOLS_TEXT_SIZE])
{
	return list(true, ALL, text);
}

const char *
protocol_names_of(bool (*holds)(enum protocol protocol), char text[PROTOCOLS_TEXT_SIZE])
{
	uint32_t wanted = 0;

	for (size_t i = 0; i < PROTOCOL_COUNT; i++)
		if (holds((enum protocol)i))
			wanted |= UINT32_C(1) << i;
	return list(false, wanted, text);
}
