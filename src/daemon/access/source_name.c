/* What counts as one source: see source_name.h. */
#include "daemon/access/source_name.h"

#include <string.h>

#include "base/siphash.h"

struct source_name
source_name(const struct address *peer)
{
	struct source_name name = { .is_ipv6 = peer->sa.sa_family == AF_INET6 };
	const struct in6_addr *in6 = &peer->in6.sin6_addr;

	if (!name.is_ipv6)
		name.bits = peer->in4.sin_addr.s_addr;
	else
		memcpy(&name.bits, &in6->s6_addr[IN6_IS_ADDR_LINKLOCAL(in6) ? 8 : 0],
		    sizeof(name.bits));
	return name;
}

uint64_t
source_name_hash(const uint64_t key[2], struct source_name name)
{
	return siphash(key, name.bits, name.is_ipv6);
}
