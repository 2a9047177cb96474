/* What IP packets carry beside addresses and bytes: see marks.h. */
#include "net/marks.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DSCP_MOST 63
#define ECN_MOST 3

struct word {
	const char *name;
	unsigned char value;
};

/* RFC 2474, 2597, 3246, 5865, 8622: the class selectors and the assured forwarding are computed. */
static const struct word dscps[] = {
	{ "df", 0 }, { "be", 0 }, { "le", 1 }, { "ef", 46 }, { "va", 44 }, { "voice-admit", 44 },
};

static const struct word ecns[] = {
	{ "not-ect", 0 }, { "ect1", 1 }, { "ect0", 2 }, { "ce", 3 },
};

/* --- reading ---------------------------------------------------------------------------- */

/* Returns -1 where it is none of them. */
static int
find(const struct word *words, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(text, words[i].name) == 0)
			return words[i].value;
	return -1;
}

/* A decimal or hexadecimal number up to `most`; else -1. */
static int
read_number(const char *text, long most)
{
	const bool is_hexadecimal = strncasecmp(text, "0x", 2) == 0;
	const char *digits = is_hexadecimal ? text + 2 : text;
	const size_t length = strspn(digits, is_hexadecimal ? "0123456789abcdefABCDEF" :
	    "0123456789");
	long value;

	if (length == 0 || length > 4 || digits[length] != '\0')
		return -1;
	value = strtol(digits, NULL, is_hexadecimal ? 16 : 10);
	return value <= most ? (int)value : -1;
}

/* "cs6" and "af41"; else -1. */
static int
read_class(const char *text)
{
	const size_t length = strlen(text);

	if (length == 3 && strncasecmp(text, "cs", 2) == 0 && text[2] >= '0' && text[2] <= '7')
		return (text[2] - '0') << 3;
	if (length == 4 && strncasecmp(text, "af", 2) == 0 && text[2] >= '1' && text[2] <= '4' &&
	    text[3] >= '1' && text[3] <= '3')
		return (text[2] - '0') << 3 | (text[3] - '0') << 1;
	return -1;
}

const char *
marks_parse_dscp(const char *text, int *dscp)
{
	int value = read_number(text, DSCP_MOST);

	if (value == -1)
		value = read_class(text);
	if (value == -1)
		value = find(dscps, sizeof(dscps) / sizeof(dscps[0]), text);
	if (value == -1)
		return "give 0 to 63, or a name as ef, af41 or cs6";
	*dscp = value;
	return NULL;
}

const char *
marking_parse_dscp(struct marking *marking, const char *text)
{
	int dscp;
	const char *fault = marks_parse_dscp(text, &dscp);

	if (fault != NULL)
		return fault;
	marking->has_tos = true;
	marking->tos = (unsigned char)(dscp << MARKS_DSCP_SHIFT | (marking->tos & ECN_MOST));
	return NULL;
}

const char *
marking_parse_ecn(struct marking *marking, const char *text)
{
	int value = read_number(text, ECN_MOST);

	if (value == -1)
		value = find(ecns, sizeof(ecns) / sizeof(ecns[0]), text);
	if (value == -1)
		return "give 0 to 3, or not-ect, ect1, ect0 or ce";
	marking->has_tos = true;
	marking->tos = (unsigned char)((marking->tos & ~ECN_MOST) | value);
	return NULL;
}

const char *
marking_parse_fragments(struct marking *marking, const char *text)
{
	if (strcmp(text, "do") == 0)
		marking->fragments = FRAGMENTS_FORBIDDEN;
	else if (strcmp(text, "dont") == 0)
		marking->fragments = FRAGMENTS_ALLOWED;
	else
		return "give do, for no fragments, or dont, for fragments on the way";
	return NULL;
}

/* --- sockets ---------------------------------------------------------------------------- */

/* What differs between the families. */
struct names {
	int level, tos, ttl, ask_tos, ask_ttl, mtu, discovery;
	int fragments[FRAGMENTS_PROBED + 1]; /* what `discovery` is set to */
};

static const struct names *
names_of(int family)
{
	static const struct names ipv4 = { IPPROTO_IP, IP_TOS, IP_TTL, IP_RECVTOS, IP_RECVTTL,
		IP_MTU, IP_MTU_DISCOVER, {
			[FRAGMENTS_ALLOWED] = IP_PMTUDISC_DONT,
			[FRAGMENTS_FORBIDDEN] = IP_PMTUDISC_DO,
			[FRAGMENTS_PROBED] = IP_PMTUDISC_PROBE,
		} };
	static const struct names ipv6 = { IPPROTO_IPV6, IPV6_TCLASS, IPV6_UNICAST_HOPS,
		IPV6_RECVTCLASS, IPV6_RECVHOPLIMIT, IPV6_MTU, IPV6_MTU_DISCOVER, {
			[FRAGMENTS_ALLOWED] = IPV6_PMTUDISC_DONT,
			[FRAGMENTS_FORBIDDEN] = IPV6_PMTUDISC_DO,
			[FRAGMENTS_PROBED] = IPV6_PMTUDISC_PROBE,
		} };

	return family == AF_INET ? &ipv4 : family == AF_INET6 ? &ipv6 : NULL;
}

static int
set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == -1 ? errno : 0;
}

int
marking_set(const struct marking *marking, int fd, int family)
{
	const struct names *names = names_of(family);
	int error = 0;

	if (names == NULL)
		return 0;
	if (marking->has_tos)
		error = set(fd, names->level, names->tos, marking->tos);
	if (error == 0 && marking->ttl > 0)
		error = set(fd, names->level, names->ttl, marking->ttl);
	if (error == 0 && marking->fragments != FRAGMENTS_AS_EVER)
		error = set(fd, names->level, names->discovery,
		    names->fragments[marking->fragments]);
	return error;
}

void
marks_ask(int fd, int family)
{
	const struct names *names = names_of(family);

	if (names == NULL)
		return;
	set(fd, names->level, names->ask_tos, 1);
	set(fd, names->level, names->ask_ttl, 1);
}

/* IPv4 tells the TOS as one byte, all others as an int. */
static int
value_of(const struct cmsghdr *c)
{
	unsigned char byte;
	int value;

	if (c->cmsg_len >= CMSG_LEN(sizeof(value))) {
		memcpy(&value, CMSG_DATA(c), sizeof(value));
		return value & 0xff;
	}
	if (c->cmsg_len < CMSG_LEN(sizeof(byte)))
		return -1;
	memcpy(&byte, CMSG_DATA(c), sizeof(byte));
	return byte;
}

struct marks
marks_read(struct msghdr *header)
{
	struct marks marks = { -1, -1 };

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
		const bool is_ipv4 = c->cmsg_level == IPPROTO_IP;

		if (!is_ipv4 && c->cmsg_level != IPPROTO_IPV6)
			continue;
		if (c->cmsg_type == (is_ipv4 ? IP_TOS : IPV6_TCLASS))
			marks.tos = value_of(c);
		else if (c->cmsg_type == (is_ipv4 ? IP_TTL : IPV6_HOPLIMIT))
			marks.ttl = value_of(c);
	}
	return marks;
}

int
marks_path_mtu(int fd, int family)
{
	const struct names *names = names_of(family);
	int mtu = 0;
	socklen_t length = sizeof(mtu);

	if (names == NULL || getsockopt(fd, names->level, names->mtu, &mtu, &length) == -1)
		return 0;
	return mtu;
}
