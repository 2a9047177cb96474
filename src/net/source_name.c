/* What counts as one source: see source_name.h. */
#include "net/source_name.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/siphash.h"

struct source_name
source_name(const struct address *peer)
{
	const struct in6_addr *in6 = &peer->in6.sin6_addr;
	struct source_name name = { .kind = SOURCE_IPV4 };

	if (peer->sa.sa_family == AF_UNIX)
		return (struct source_name){ .bits = peer->unix_peer.uid, .kind = SOURCE_UID };
	if (peer->sa.sa_family != AF_INET6) {
		name.bits = peer->in4.sin_addr.s_addr;
		return name;
	}
	name.kind = IN6_IS_ADDR_LINKLOCAL(in6) ? SOURCE_LINK_LOCAL : SOURCE_IPV6;
	memcpy(&name.bits, &in6->s6_addr[name.kind == SOURCE_LINK_LOCAL ? 8 : 0], sizeof(name.bits));
	return name;
}

const char *
source_name_format(struct source_name name, char text[SOURCE_NAME_TEXT_SIZE])
{
	struct in6_addr in6 = IN6ADDR_ANY_INIT;
	const struct in_addr in4 = { .s_addr = (in_addr_t)name.bits };
	size_t used;

	if (name.kind == SOURCE_IPV4)
		return inet_ntop(AF_INET, &in4, text, SOURCE_NAME_TEXT_SIZE);
	if (name.kind == SOURCE_UID) {
		snprintf(text, SOURCE_NAME_TEXT_SIZE, "uid:%u", (unsigned)name.bits);
		return text;
	}
	if (name.kind == SOURCE_IPV6 && name.bits == 0)
		return memcpy(text, "::1", sizeof("::1")); /* of its /64 there is no other host */
	if (name.kind == SOURCE_LINK_LOCAL) {
		in6.s6_addr[0] = 0xfe;
		in6.s6_addr[1] = 0x80;
	}
	memcpy(&in6.s6_addr[name.kind == SOURCE_LINK_LOCAL ? 8 : 0], &name.bits, sizeof(name.bits));
	inet_ntop(AF_INET6, &in6, text, SOURCE_NAME_TEXT_SIZE);
	used = strlen(text);
	if (name.kind == SOURCE_IPV6)
		snprintf(text + used, SOURCE_NAME_TEXT_SIZE - used, "/64");
	return text;
}

uint64_t
source_name_hash(const uint64_t key[2], struct source_name name)
{
	return siphash(key, name.bits, name.kind);
}
