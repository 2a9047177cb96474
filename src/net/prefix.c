/* Address prefixes: see prefix.h. */
#include "net/prefix.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* The bits of a v4-mapped address before those of IPv4. */
#define MAPPED_BITS 96

int
prefix_width(const struct prefix *prefix)
{
	return prefix->is_ipv6 ? 128 : 32;
}

static bool
parse_bits(struct prefix *prefix, const char *text, size_t length)
{
	char host[INET6_ADDRSTRLEN];

	if (length >= sizeof(host))
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	memset(prefix, 0, sizeof(*prefix));
	prefix->is_ipv6 = strchr(host, ':') != NULL;
	return inet_pton(prefix->is_ipv6 ? AF_INET6 : AF_INET, host, prefix->bits) == 1;
}

/* Decimal digits without a leading zero, up to `most`. */
static bool
parse_length(const char *text, int most, uint8_t *length)
{
	int value = 0;

	if (*text == '\0' || (*text == '0' && text[1] != '\0'))
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (*text - '0');
		if (value > most)
			return false;
	}
	*length = (uint8_t)value;
	return true;
}

/* Clears what is behind the prefix; returns true when there was something. */
static bool
clear_host_bits(struct prefix *prefix)
{
	bool found = false;

	for (int bit = prefix->length; bit < prefix_width(prefix); bit++) {
		const uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		found = found || (prefix->bits[bit / 8] & mask) != 0;
		prefix->bits[bit / 8] &= (uint8_t)~mask;
	}
	return found;
}

static bool
is_mapped(const struct prefix *prefix)
{
	static const uint8_t mapped[MAPPED_BITS / 8] = { [10] = 0xff, [11] = 0xff };

	return prefix->is_ipv6 && prefix->length >= MAPPED_BITS &&
	    memcmp(prefix->bits, mapped, sizeof(mapped)) == 0;
}

/* Tells which IPv4 prefix a v4-mapped one stands for. */
static void
tell_mapped(const struct prefix *mapped, char right[PREFIX_RIGHT_SIZE])
{
	struct prefix meant = { .length = (uint8_t)(mapped->length - MAPPED_BITS) };
	char text[PREFIX_TEXT_SIZE];

	memcpy(meant.bits, &mapped->bits[MAPPED_BITS / 8], 4);
	clear_host_bits(&meant);
	snprintf(right, PREFIX_RIGHT_SIZE, "IPv4 is written without ::ffff: here: give %s",
	    prefix_format(&meant, text));
}

static void
tell_host_bits(const struct prefix *meant, const char *text, size_t length,
    char right[PREFIX_RIGHT_SIZE])
{
	char shown[PREFIX_TEXT_SIZE];

	snprintf(right, PREFIX_RIGHT_SIZE, "bits behind the prefix are set: give %s, or %.*s alone",
	    prefix_format(meant, shown), (int)length, text);
}

bool
prefix_parse(struct prefix *prefix, const char *text, char right[PREFIX_RIGHT_SIZE])
{
	const size_t length = strcspn(text, "/");
	const bool has_length = text[length] == '/';
	struct prefix parsed;

	if (strchr(text, '%') != NULL) {
		snprintf(right, PREFIX_RIGHT_SIZE,
		    "a prefix has no scope: give it without \"%%\" and the interface");
		return false;
	}
	if (!parse_bits(&parsed, text, length)) {
		snprintf(right, PREFIX_RIGHT_SIZE, "give an address or a prefix, such as"
		    " 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32");
		return false;
	}
	parsed.length = (uint8_t)prefix_width(&parsed);
	if (has_length && !parse_length(text + length + 1, prefix_width(&parsed), &parsed.length)) {
		snprintf(right, PREFIX_RIGHT_SIZE, "give a length of 0 to %d behind the \"/\"",
		    prefix_width(&parsed));
		return false;
	}
	if (is_mapped(&parsed)) {
		tell_mapped(&parsed, right);
		return false;
	}
	if (clear_host_bits(&parsed)) {
		tell_host_bits(&parsed, text, length, right);
		return false;
	}
	*prefix = parsed;
	return true;
}

bool
prefix_covers(const struct prefix *prefix, const struct address *address)
{
	const size_t whole = prefix->length / 8;
	const unsigned rest = 0xff00U >> prefix->length % 8 & 0xff;
	const uint8_t *bits;

	if (address->sa.sa_family != (prefix->is_ipv6 ? AF_INET6 : AF_INET))
		return false;
	bits = prefix->is_ipv6 ? address->in6.sin6_addr.s6_addr
	    : (const uint8_t *)&address->in4.sin_addr;
	return memcmp(bits, prefix->bits, whole) == 0 &&
	    (rest == 0 || (bits[whole] & rest) == prefix->bits[whole]);
}

bool
prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->is_ipv6 == b->is_ipv6 && a->length == b->length &&
	    memcmp(a->bits, b->bits, sizeof(a->bits)) == 0;
}

const char *
prefix_format(const struct prefix *prefix, char text[PREFIX_TEXT_SIZE])
{
	size_t used;

	inet_ntop(prefix->is_ipv6 ? AF_INET6 : AF_INET, prefix->bits, text, PREFIX_TEXT_SIZE);
	used = strlen(text);
	if (prefix->length < prefix_width(prefix))
		snprintf(text + used, PREFIX_TEXT_SIZE - used, "/%d", prefix->length);
	return text;
}
