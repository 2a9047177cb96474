/* Headers of the PROXY protocol: what is right, what is wrong, whole and byte by byte. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "net/proxy_header.h"
#include "random.h"
#include "runner.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

/* A header, which may have NULs, and its size. */
#define BYTES(text) (text), sizeof(text) - 1

/* Of TCP over IPv4: 192.0.2.1:1024 to 198.51.100.2:7. */
#define ENDS4 "\xc0\0\x02\x01\xc6\x33\x64\x02\x04\0\0\x07"

/* --- what is right --------------------------------------------------------------------- */

static const struct {
	const char *data;
	size_t size;
	bool is_local;
	const char *source, *destination; /* NULL: the real ones */
} right[] = {
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1024 7\r\n"), false, "192.0.2.1:1024",
	    "198.51.100.2:7" },
	{ BYTES("PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n"), false,
	    "255.255.255.255:65535", "0.0.0.0:0" },
	{ BYTES("PROXY TCP6 2001:DB8::1 2001:db8::2 1 2\r\n"), false, "[2001:db8::1]:1",
	    "[2001:db8::2]:2" },
	{ BYTES("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1 2\r\n"), false, "192.0.2.1:1",
	    "192.0.2.2:2" },
	{ BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"), false,
	    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
	    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535" },
	{ BYTES("PROXY UNKNOWN\r\n"), false, NULL, NULL },
	{ BYTES("PROXY UNKNOWN \r\n"), false, NULL, NULL },
	{ BYTES("PROXY UNKNOWN what\tever  it is\r\n"), false, NULL, NULL },
	{ BYTES("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"), false, NULL, NULL },
	{ BYTES(SIGNATURE "\x21\x11\0\x0c" ENDS4), false, "192.0.2.1:1024", "198.51.100.2:7" },
	{ BYTES(SIGNATURE "\x21\x21\0\x24"
	    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"
	    "\0\x01\0\x02"), false, "[2001:db8::1]:1", "[2001:db8::2]:2" },
	{ BYTES(SIGNATURE "\x21\x21\0\x24"
	    "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x02"
	    "\0\x01\0\x02"), false, "192.0.2.1:1", "192.0.2.2:2" },
	/* LOCAL: all that follows is passed over. */
	{ BYTES(SIGNATURE "\x20\0\0\0"), true, NULL, NULL },
	{ BYTES(SIGNATURE "\x20\x11\0\x0c" ENDS4), true, NULL, NULL },
	{ BYTES(SIGNATURE "\x20\xff\0\x05what?"), true, NULL, NULL },
	/* Nothing is told of the ends, or what is no address of ours. */
	{ BYTES(SIGNATURE "\x21\0\0\0"), false, NULL, NULL },
	{ BYTES(SIGNATURE "\x21\x01\0\0"), false, NULL, NULL },
	{ BYTES(SIGNATURE "\x21\x10\0\x0c" ENDS4), false, NULL, NULL },
	{ BYTES(SIGNATURE "\x21\x12\0\x0c" ENDS4), false, NULL, NULL },
	/* TLVs that nobody asks for: NOOP, UNIQUE_ID, NETNS, one of a later time. */
	{ BYTES(SIGNATURE "\x21\x11\0\x1d" ENDS4 "\x04\0\0\x05\0\x02ID\x30\0\x01n\xf9\0\x02\0\0"),
	    false, "192.0.2.1:1024", "198.51.100.2:7" },
};

static void
assert_text(const struct address *address, const char *expected)
{
	char text[ADDRESS_TEXT_SIZE];

	ck_assert_str_eq(address_format(address, text), expected);
}

START_TEST(takes)
{
	struct proxy_header header;
	char more[256];

	memcpy(more, right[_i].data, right[_i].size);
	strcpy(more + right[_i].size, "PROXY and what comes behind it");
	ck_assert_int_eq(proxy_header_parse(more, right[_i].size + 30, &header), PROXY_WHOLE);
	ck_assert_uint_eq(header.size, right[_i].size);
	ck_assert_uint_eq(header.version, right[_i].data[0] == 'P' ? 1 : 2);
	ck_assert_int_eq(header.is_local, right[_i].is_local);
	ck_assert_int_eq(header.has_addresses, right[_i].source != NULL);
	if (right[_i].source == NULL)
		return;
	assert_text(&header.source, right[_i].source);
	assert_text(&header.destination, right[_i].destination);
}
END_TEST

START_TEST(waits_for_the_rest)
{
	struct proxy_header header;

	for (size_t size = 0; size < right[_i].size; size++) {
		ck_assert_int_eq(proxy_header_parse(right[_i].data, size, &header), PROXY_PARTIAL);
	}
}
END_TEST

/* --- what is wrong ----------------------------------------------------------------------- */

#define V4 "PROXY TCP4 192.0.2.1 192.0.2.2 "

static const struct {
	const char *data;
	size_t size;
	enum proxy_verdict fault;
} wrong[] = {
	{ BYTES("GET / HTTP/1.1\r\n"), PROXY_FAULT_SIGNATURE },
	{ BYTES("\0"), PROXY_FAULT_SIGNATURE },
	{ BYTES("proxy TCP4"), PROXY_FAULT_SIGNATURE },
	{ BYTES("PROXY\r\n"), PROXY_FAULT_SIGNATURE },
	{ BYTES("PROXYTCP4 "), PROXY_FAULT_SIGNATURE },
	{ BYTES("\x16\x03\x01"), PROXY_FAULT_SIGNATURE },
	{ BYTES("\r\n\r\n\0\r\nQUIT\r"), PROXY_FAULT_SIGNATURE },
	{ BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP4 192.0.2.1\r192.0.2.2 1 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\0\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY UNKNOWN \0\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY UNKNOWNX\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY unknown\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP4\t192.0.2.1 192.0.2.2 1 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1  2\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP4 192.0.2.1 192.0.2.2\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP4 192.0.2.1\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP4 \r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP4\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY \r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP4 192.0.02.1 192.0.2.2 1 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP4 3221225985 192.0.2.2 1 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP6 2001:db8::1 192.0.2.2 1 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP6 [2001:db8::1] [2001:db8::2] 1 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY TCP6 2001:db8::1::2 2001:db8::2 1 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES(V4 "65536 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES(V4 "1 65536\r\n"), PROXY_FAULT_LINE },
	{ BYTES(V4 "4294967297 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES(V4 "080 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES(V4 "00 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES(V4 "+1 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES(V4 "-1 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES(V4 "0x1 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES(V4 "1 2x\r\n"), PROXY_FAULT_LINE },
	{ BYTES(V4 " 2\r\n"), PROXY_FAULT_LINE },
	{ BYTES(V4 "1 \r\n"), PROXY_FAULT_LINE },
	/* 108 bytes, the CRLF included, and 107 without it. */
	{ BYTES("PROXY UNKNOWN 1234567890123456789012345678901234567890123456789012345678901234567"
	    "89012345678901234567890123\r\n"), PROXY_FAULT_LINE },
	{ BYTES("PROXY UNKNOWN 1234567890123456789012345678901234567890123456789012345678901234567"
	    "89012345678901234567890123"), PROXY_FAULT_LINE },
	{ BYTES(SIGNATURE "\x11\x11\0\x0c" ENDS4), PROXY_FAULT_VERSION },
	{ BYTES(SIGNATURE "\x31\x11\0\x0c" ENDS4), PROXY_FAULT_VERSION },
	{ BYTES(SIGNATURE "\x01\x11\0\x0c" ENDS4), PROXY_FAULT_VERSION },
	{ BYTES(SIGNATURE "\x22\x11\0\x0c" ENDS4), PROXY_FAULT_COMMAND },
	{ BYTES(SIGNATURE "\x2f\x11\0\x0c" ENDS4), PROXY_FAULT_COMMAND },
	{ BYTES(SIGNATURE "\x21\x41\0\x0c" ENDS4), PROXY_FAULT_FAMILY },
	{ BYTES(SIGNATURE "\x21\x13\0\x0c" ENDS4), PROXY_FAULT_FAMILY },
	{ BYTES(SIGNATURE "\x21\xff\0\x0c" ENDS4), PROXY_FAULT_FAMILY },
	{ BYTES(SIGNATURE "\x21\x11\0\x0b" ENDS4), PROXY_FAULT_LENGTH },
	{ BYTES(SIGNATURE "\x21\x11\0\0"), PROXY_FAULT_LENGTH },
	{ BYTES(SIGNATURE "\x21\x21\0\x23"), PROXY_FAULT_LENGTH },
	{ BYTES(SIGNATURE "\x21\x31\0\xd7"), PROXY_FAULT_LENGTH },
	{ BYTES(SIGNATURE "\x21\x11\0\x0d" ENDS4 "\x04"), PROXY_FAULT_TLV },
	{ BYTES(SIGNATURE "\x21\x11\0\x0e" ENDS4 "\x04\0"), PROXY_FAULT_TLV },
	{ BYTES(SIGNATURE "\x21\x11\0\x0f" ENDS4 "\x04\0\x01"), PROXY_FAULT_TLV },
	{ BYTES(SIGNATURE "\x21\x11\0\x0f" ENDS4 "\x04\xff\xff"), PROXY_FAULT_TLV },
	{ BYTES(SIGNATURE "\x21\x11\0\x12" ENDS4 "\x03\0\x03\0\0\0"), PROXY_FAULT_TLV },
	{ BYTES(SIGNATURE "\x21\x11\0\x13" ENDS4 "\x20\0\x04\0\0\0\0"), PROXY_FAULT_TLV },
	{ BYTES(SIGNATURE "\x21\x11\0\x16" ENDS4 "\x20\0\x07\0\0\0\0\0\x21\0"), PROXY_FAULT_TLV },
	{ BYTES(SIGNATURE "\x21\x11\0\x17" ENDS4 "\x20\0\x08\0\0\0\0\0\x21\0\x01"), PROXY_FAULT_TLV },
	{ BYTES(SIGNATURE "\x21\x11\0\x13" ENDS4 "\x03\0\x04\0\0\0\0"), PROXY_FAULT_CHECKSUM },
	{ BYTES(SIGNATURE "\x21\0\0\x07\x03\0\x04\0\0\0\0"), PROXY_FAULT_CHECKSUM },
};

START_TEST(refuses)
{
	struct proxy_header header;
	const enum proxy_verdict verdict =
	    proxy_header_parse(wrong[_i].data, wrong[_i].size, &header);

	ck_assert_int_eq(verdict, wrong[_i].fault);
}
END_TEST

/* Of whatever there is the same is said as soon as anything is. */
START_TEST(byte_by_byte_it_is_the_same_fault)
{
	enum proxy_verdict verdict = PROXY_PARTIAL;
	struct proxy_header header;

	for (size_t size = 0; verdict == PROXY_PARTIAL && size <= wrong[_i].size; size++)
		verdict = proxy_header_parse(wrong[_i].data, size, &header);
	ck_assert_int_eq(verdict, wrong[_i].fault);
}
END_TEST

/* --- TLVs ---------------------------------------------------------------------------------- */

static void
assert_is(const struct proxy_text *text, const char *expected)
{
	ck_assert_uint_eq(text->size, strlen(expected));
	ck_assert_mem_eq(text->data, expected, text->size);
}

START_TEST(names_of_tls_are_told)
{
	static const char data[] = SIGNATURE "\x21\x11\0\x35" ENDS4
	    "\x01\0\x02h2" "\x02\0\x07" "a.examp" "\x20\0\x17\x01\0\0\0\0" "\x21\0\x07TLSv1.3"
	    "\x22\0\x05" "x.net";
	struct proxy_header header;

	ck_assert_uint_eq(sizeof(data) - 1, 16 + 0x35);
	ck_assert_int_eq(proxy_header_parse(data, sizeof(data) - 1, &header), PROXY_WHOLE);
	assert_is(&header.alpn, "h2");
	assert_is(&header.authority, "a.examp");
	assert_is(&header.tls_version, "TLSv1.3");
}
END_TEST

START_TEST(a_checksum_is_verified)
{
	uint8_t data[] = SIGNATURE "\x21\x11\0\x18" ENDS4 "\x03\0\x04\0\0\0\0" "\x04\0\x02::";
	const size_t size = sizeof(data) - 1, at = 16 + 12 + 3;
	const uint32_t checksum = htonl(crc32c(0, data, size));
	struct proxy_header header;

	memcpy(data + at, &checksum, sizeof(checksum));
	ck_assert_int_eq(proxy_header_parse(data, size, &header), PROXY_WHOLE);
	for (size_t i = 16; i < size; i++) {
		if (i >= at - 3 && i < at)
			continue; /* another type or length */
		data[i] ^= 0x10;
		if (i < at + 4 || i >= at + 7)
			ck_assert_int_eq(proxy_header_parse(data, size, &header),
			    PROXY_FAULT_CHECKSUM);
		data[i] ^= 0x10;
	}
}
END_TEST

/* --- both ways ------------------------------------------------------------------------------ */

static struct address
random_address(int family)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = (in_port_t)random_bits() };
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = (in_port_t)random_bits() };
	struct address address;

	in4.sin_addr.s_addr = (in_addr_t)random_bits();
	for (size_t i = 0; i < sizeof(in6.sin6_addr); i++)
		in6.sin6_addr.s6_addr[i] = random_once_in(2) ? 0 : (uint8_t)random_bits();
	if (family == AF_INET)
		address_from_sockaddr(&address, (struct sockaddr *)&in4, sizeof(in4));
	else
		address_from_sockaddr(&address, (struct sockaddr *)&in6, sizeof(in6));
	return address;
}

START_TEST(what_is_written_is_read)
{
	random_begin(_i);
	for (int i = 0; i < 2000; i++) {
		const int family = random_once_in(2) ? AF_INET : AF_INET6;
		struct proxy_header said = { .version = (uint8_t)(1 + random_below(2)) }, read;
		uint8_t text[PROXY_HEADER_SIZE];

		said.has_addresses = !random_once_in(4);
		said.is_local = said.version == 2 && random_once_in(4);
		said.source = random_address(family);
		said.destination = random_address(family);
		said.size = proxy_header_format(&said, text);
		ck_assert_int_eq(proxy_header_parse(text, said.size, &read), PROXY_WHOLE);
		ck_assert_uint_eq(read.size, said.size);
		ck_assert_uint_eq(read.version, said.version);
		ck_assert_int_eq(read.is_local, said.is_local);
		ck_assert_int_eq(read.has_addresses, said.has_addresses && !said.is_local);
		if (read.has_addresses) {
			ck_assert(address_equal(&read.source, &said.source));
			ck_assert(address_equal(&read.destination, &said.destination));
		}
	}
}
END_TEST

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

int
main(void)
{
	Suite *suite = suite_create("proxy_header");
	TCase *tests = tcase_create("proxy_header");

	tcase_add_loop_test(tests, takes, 0, COUNT(right));
	tcase_add_loop_test(tests, waits_for_the_rest, 0, COUNT(right));
	tcase_add_loop_test(tests, refuses, 0, COUNT(wrong));
	tcase_add_loop_test(tests, byte_by_byte_it_is_the_same_fault, 0, COUNT(wrong));
	tcase_add_test(tests, names_of_tls_are_told);
	tcase_add_test(tests, a_checksum_is_verified);
	tcase_add_loop_test(tests, what_is_written_is_read, 0, 4);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
