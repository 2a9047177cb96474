/* The PROXY protocol: see proxy_header.h.  Numbers in comments are sections of its text. */
#include "net/proxy_header.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/crc32c.h"

/* The CRLF included (2.1). */
#define LINE_MOST 107

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define SIGNATURE_SIZE 12

/* Signature, version and command, family and transport, length (2.2). */
#define BLOCK_START 16

enum { COMMAND_LOCAL = 0x20, COMMAND_PROXY = 0x21 };
enum { FAMILY_UNSPEC, FAMILY_INET, FAMILY_INET6, FAMILY_UNIX, FAMILY_COUNT };
enum { TRANSPORT_UNSPEC, TRANSPORT_STREAM, TRANSPORT_DATAGRAM, TRANSPORT_COUNT };

enum {
	TLV_ALPN = 0x01,
	TLV_AUTHORITY = 0x02,
	TLV_CRC32C = 0x03,
	TLV_SSL = 0x20,
	TLV_SSL_VERSION = 0x21,
};

/* Type and length. */
#define TLV_START 3

/* What comes before the TLVs within PP2_TYPE_SSL: client and verify. */
#define SSL_START 5

static unsigned
get_short(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static struct address
address_of(int family, const void *host, uint16_t port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct address address;

	if (family == AF_INET) {
		memcpy(&in4.sin_addr, host, sizeof(in4.sin_addr));
		address_from_sockaddr(&address, (struct sockaddr *)&in4, sizeof(in4));
	} else {
		memcpy(&in6.sin6_addr, host, sizeof(in6.sin6_addr));
		address_from_sockaddr(&address, (struct sockaddr *)&in6, sizeof(in6));
	}
	return address;
}

/* --- version 1: a line ---------------------------------------------------------------- */

/* Decimal, without zeros before it. */
static bool
read_port(const char *word, uint16_t *port)
{
	unsigned number = 0;

	if (*word == '\0' || (word[0] == '0' && word[1] != '\0'))
		return false;
	for (; *word >= '0' && *word <= '9' && number <= UINT16_MAX; word++)
		number = number * 10 + (unsigned)(*word - '0');
	*port = (uint16_t)number;
	return *word == '\0' && number <= UINT16_MAX;
}

/* Takes what is there up to the next space, or the end where it `is_last`; NULL: it is not. */
static char *
next_word(char **rest, bool is_last)
{
	char *word = *rest, *space = strchr(word, ' ');

	if ((space == NULL) != is_last)
		return NULL;
	if (space != NULL) {
		*space = '\0';
		*rest = space + 1;
	}
	return word;
}

/* "SOURCE DESTINATION PORT PORT", which it takes apart. */
static bool
read_ends(int family, char *rest, struct proxy_header *header)
{
	struct in6_addr hosts[2]; /* large enough for either */
	uint16_t ports[2];
	char *word;

	for (int i = 0; i < 2; i++) {
		word = next_word(&rest, false);
		if (word == NULL || inet_pton(family, word, &hosts[i]) != 1)
			return false;
	}
	for (int i = 0; i < 2; i++) {
		word = next_word(&rest, i == 1);
		if (word == NULL || !read_port(word, &ports[i]))
			return false;
	}
	header->source = address_of(family, &hosts[0], ports[0]);
	header->destination = address_of(family, &hosts[1], ports[1]);
	header->has_addresses = true;
	return true;
}

/* What stands between "PROXY " and the CRLF. */
static enum proxy_verdict
judge_line(char *rest, struct proxy_header *header)
{
	bool right;

	if (strcmp(rest, "UNKNOWN") == 0 || strncmp(rest, "UNKNOWN ", 8) == 0)
		right = true;
	else if (strncmp(rest, "TCP4 ", 5) == 0)
		right = read_ends(AF_INET, rest + 5, header);
	else
		right = strncmp(rest, "TCP6 ", 5) == 0 && read_ends(AF_INET6, rest + 5, header);
	return right ? PROXY_WHOLE : PROXY_FAULT_LINE;
}

/* A line is ended by CRLF alone, and has no NUL. */
static enum proxy_verdict
parse_line(const uint8_t *data, size_t size, struct proxy_header *header)
{
	static const char start[] = "PROXY ";
	const size_t most = size < LINE_MOST ? size : LINE_MOST;
	char line[LINE_MOST + 1];
	size_t length = sizeof(start) - 1;

	header->version = 1;
	if (memcmp(data, start, size < length ? size : length) != 0)
		return PROXY_FAULT_SIGNATURE;
	while (length < most && data[length] != '\r' && data[length] != '\n' &&
	    data[length] != '\0')
		length++;
	if (length < most && (data[length] != '\r' ||
	    (length + 1 < most && data[length + 1] != '\n')))
		return PROXY_FAULT_LINE;
	if (length + 1 >= most)
		return size < LINE_MOST ? PROXY_PARTIAL : PROXY_FAULT_LINE;
	header->size = length + 2;
	memcpy(line, data, length);
	line[length] = '\0';
	return judge_line(line + sizeof(start) - 1, header);
}

/* --- version 2: a block --------------------------------------------------------------- */

/* How many bytes the addresses of a family have, ports included. */
static size_t
addresses_size(unsigned family)
{
	static const size_t sizes[FAMILY_COUNT] = { 0, 2 * 4 + 2 * 2, 2 * 16 + 2 * 2, 2 * 108 };

	return sizes[family];
}

static void
read_addresses(unsigned family, const uint8_t *at, struct proxy_header *header)
{
	const int af = family == FAMILY_INET ? AF_INET : AF_INET6;
	const size_t size = family == FAMILY_INET ? 4 : 16;
	const uint8_t *ports = at + 2 * size;

	header->source = address_of(af, at, (uint16_t)get_short(ports));
	header->destination = address_of(af, at + size, (uint16_t)get_short(ports + 2));
	header->has_addresses = true;
}

/* Where a block is looked through. */
struct block {
	const uint8_t *start; /* of the header */
	size_t size;
	struct proxy_header *header;
};

/* What the checksum is of has zeros where the checksum is, `at` (2.2.3). */
static bool
is_checksum(const struct block *block, const uint8_t *at)
{
	static const uint8_t zeros[4];
	const size_t before = (size_t)(at - block->start);
	uint32_t crc = crc32c(0, block->start, before);

	crc = crc32c(crc, zeros, sizeof(zeros));
	crc = crc32c(crc, at + sizeof(zeros), block->size - before - sizeof(zeros));
	return crc == ((uint32_t)get_short(at) << 16 | get_short(at + 2));
}

struct tlv {
	unsigned type;
	const uint8_t *value;
	size_t size;
};

/* Takes the one at *at, of those that go to `end`.  Returns false where it goes beyond that. */
static bool
next_tlv(const uint8_t **at, const uint8_t *end, struct tlv *tlv)
{
	if (end - *at < TLV_START)
		return false;
	tlv->type = (*at)[0];
	tlv->size = get_short(*at + 1);
	tlv->value = *at + TLV_START;
	*at = tlv->value;
	if ((size_t)(end - *at) < tlv->size)
		return false;
	*at += tlv->size;
	return true;
}

/* Of PP2_TYPE_SSL, which has TLVs of its own. */
static enum proxy_verdict
take_ssl(const struct block *block, const struct tlv *ssl)
{
	const uint8_t *at = ssl->value + SSL_START, *end = ssl->value + ssl->size;
	struct tlv tlv;

	if (ssl->size < SSL_START)
		return PROXY_FAULT_TLV;
	while (at < end) {
		if (!next_tlv(&at, end, &tlv))
			return PROXY_FAULT_TLV;
		if (tlv.type == TLV_SSL_VERSION)
			block->header->tls_version = (struct proxy_text){ tlv.value, tlv.size };
	}
	return PROXY_WHOLE;
}

static enum proxy_verdict
take_tlv(const struct block *block, const struct tlv *tlv)
{
	switch (tlv->type) {
	case TLV_ALPN:
		block->header->alpn = (struct proxy_text){ tlv->value, tlv->size };
		return PROXY_WHOLE;
	case TLV_AUTHORITY:
		block->header->authority = (struct proxy_text){ tlv->value, tlv->size };
		return PROXY_WHOLE;
	case TLV_CRC32C:
		if (tlv->size != 4)
			return PROXY_FAULT_TLV;
		return is_checksum(block, tlv->value) ? PROXY_WHOLE : PROXY_FAULT_CHECKSUM;
	case TLV_SSL:
		return take_ssl(block, tlv);
	default:
		return PROXY_WHOLE;
	}
}

/* Those from `at` to the end of the header. */
static enum proxy_verdict
take_tlvs(const struct block *block, const uint8_t *at)
{
	const uint8_t *end = block->start + block->size;
	enum proxy_verdict verdict = PROXY_WHOLE;
	struct tlv tlv;

	while (at < end && verdict == PROXY_WHOLE)
		verdict = next_tlv(&at, end, &tlv) ? take_tlv(block, &tlv) : PROXY_FAULT_TLV;
	return verdict;
}

/* The second half of a block that is whole. */
static enum proxy_verdict
judge_block(const uint8_t *data, struct proxy_header *header)
{
	const struct block block = { data, header->size, header };
	const unsigned family = data[13] >> 4, transport = data[13] & 0xf;

	if (header->is_local)
		return PROXY_WHOLE; /* all that it says is passed over */
	if (transport == TRANSPORT_STREAM && (family == FAMILY_INET || family == FAMILY_INET6))
		read_addresses(family, data + BLOCK_START, header);
	return take_tlvs(&block, data + BLOCK_START + addresses_size(family));
}

/* The bytes before the block, in their order: each that is there is judged. */
static enum proxy_verdict
judge_start(const uint8_t *data, size_t size, struct proxy_header *header)
{
	if (memcmp(data, SIGNATURE, size < SIGNATURE_SIZE ? size : SIGNATURE_SIZE) != 0)
		return PROXY_FAULT_SIGNATURE;
	if (size > 12 && data[12] >> 4 != 2)
		return PROXY_FAULT_VERSION;
	if (size > 12 && data[12] > COMMAND_PROXY)
		return PROXY_FAULT_COMMAND;
	header->is_local = size > 12 && data[12] == COMMAND_LOCAL;
	if (size > 13 && !header->is_local &&
	    (data[13] >> 4 >= FAMILY_COUNT || (data[13] & 0xf) >= TRANSPORT_COUNT))
		return PROXY_FAULT_FAMILY;
	if (size < BLOCK_START)
		return PROXY_PARTIAL;
	header->size = BLOCK_START + get_short(data + 14);
	if (!header->is_local && header->size - BLOCK_START < addresses_size(data[13] >> 4))
		return PROXY_FAULT_LENGTH;
	return PROXY_WHOLE;
}

static enum proxy_verdict
parse_block(const uint8_t *data, size_t size, struct proxy_header *header)
{
	enum proxy_verdict verdict;

	header->version = 2;
	verdict = judge_start(data, size, header);
	if (verdict != PROXY_WHOLE)
		return verdict;
	return size < header->size ? PROXY_PARTIAL : judge_block(data, header);
}

/* --- either ----------------------------------------------------------------------------- */

enum proxy_verdict
proxy_header_parse(const void *data, size_t size, struct proxy_header *header)
{
	const uint8_t *bytes = data;

	*header = (struct proxy_header){ 0 };
	if (size == 0)
		return PROXY_PARTIAL;
	return bytes[0] == 'P' ? parse_line(bytes, size, header)
	    : parse_block(bytes, size, header);
}

/* --- the other way ------------------------------------------------------------------------ */

static const void *
host_of(const struct address *address)
{
	return address->sa.sa_family == AF_INET ? (const void *)&address->in4.sin_addr
	    : (const void *)&address->in6.sin6_addr;
}

static size_t
format_line(const struct proxy_header *header, uint8_t text[PROXY_HEADER_SIZE])
{
	const int family = header->source.sa.sa_family;
	char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN];

	if (header->is_local || !header->has_addresses)
		return (size_t)snprintf((char *)text, PROXY_HEADER_SIZE, "PROXY UNKNOWN\r\n");
	inet_ntop(family, host_of(&header->source), source, sizeof(source));
	inet_ntop(family, host_of(&header->destination), destination, sizeof(destination));
	return (size_t)snprintf((char *)text, PROXY_HEADER_SIZE, "PROXY TCP%d %s %s %u %u\r\n",
	    family == AF_INET ? 4 : 6, source, destination, address_port(&header->source),
	    address_port(&header->destination));
}

static uint8_t *
put(uint8_t *to, const void *from, size_t size)
{
	memcpy(to, from, size);
	return to + size;
}

static size_t
format_block(const struct proxy_header *header, uint8_t text[PROXY_HEADER_SIZE])
{
	const bool is_ipv4 = header->source.sa.sa_family == AF_INET;
	const unsigned family = !header->has_addresses ? FAMILY_UNSPEC
	    : is_ipv4 ? FAMILY_INET : FAMILY_INET6;
	const uint16_t ports[2] = {
		htons(address_port(&header->source)),
		htons(address_port(&header->destination)),
	};
	const size_t size = is_ipv4 ? 4 : 16;
	uint8_t *at = put(text, SIGNATURE, SIGNATURE_SIZE);

	*at++ = header->is_local ? COMMAND_LOCAL : COMMAND_PROXY;
	*at++ = (uint8_t)(family << 4 |
	    (family == FAMILY_UNSPEC ? TRANSPORT_UNSPEC : TRANSPORT_STREAM));
	*at++ = 0;
	*at++ = (uint8_t)addresses_size(family);
	if (family != FAMILY_UNSPEC) {
		at = put(at, host_of(&header->source), size);
		at = put(at, host_of(&header->destination), size);
		at = put(at, ports, sizeof(ports));
	}
	return (size_t)(at - text);
}

size_t
proxy_header_format(const struct proxy_header *header, uint8_t text[PROXY_HEADER_SIZE])
{
	return header->version == 1 ? format_line(header, text) : format_block(header, text);
}
