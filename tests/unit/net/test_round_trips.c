/*
 * Whatever echod prints is accepted again, and means the same: addresses, prefixes and
 * URIs, of random values and of texts that are almost right.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "net/address.h"
#include "net/endpoint.h"
#include "net/prefix.h"
#include "random.h"
#include "runner.h"

#define SEEDS 4
#define VALUES 20000 /* of each seed */

#define TEXT_SIZE 512

/* --- random values ------------------------------------------------------------------ */

static struct in6_addr
random_in6(void)
{
	static const char *const beginnings[] = {
		"::", "::1", "::ffff:0.0.0.0", "fe80::", "febf::", "fec0::", "ff01::", "ff02::",
		"ff05::", "2001:db8::", "64:ff9b::", "::ffff:ffff:0:0",
	};
	struct in6_addr in6;

	if (random_once_in(4)) {
		for (size_t i = 0; i < sizeof(in6.s6_addr); i++)
			in6.s6_addr[i] = (uint8_t)random_bits();
		return in6;
	}
	inet_pton(AF_INET6, beginnings[random_below(sizeof(beginnings) / sizeof(beginnings[0]))],
	    &in6);
	for (size_t changes = random_below(4); changes > 0; changes--)
		in6.s6_addr[2 + random_below(14)] = (uint8_t)random_bits();
	return in6;
}

/* The loopback interface has a name, most others are not there. */
static uint32_t
random_scope(void)
{
	switch (random_below(4)) {
	case 0:
		return 0;
	case 1:
		return 1;
	case 2:
		return (uint32_t)random_below(1000);
	default:
		return (uint32_t)random_bits();
	}
}

static struct address
random_address(void)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct address address;

	if (random_once_in(4)) {
		in4.sin_addr.s_addr = (in_addr_t)random_bits();
		in4.sin_port = (in_port_t)random_bits();
		address_from_sockaddr(&address, (struct sockaddr *)&in4, sizeof(in4));
		return address;
	}
	in6.sin6_addr = random_in6();
	in6.sin6_port = (in_port_t)random_bits();
	in6.sin6_flowinfo = (uint32_t)random_bits();
	in6.sin6_scope_id = random_scope();
	address_from_sockaddr(&address, (struct sockaddr *)&in6, sizeof(in6));
	return address;
}

static size_t
spell_group(unsigned group, char *text, size_t size)
{
	switch (random_below(3)) {
	case 0:
		return (size_t)snprintf(text, size, "%x", group);
	case 1:
		return (size_t)snprintf(text, size, "%X", group);
	default:
		return (size_t)snprintf(text, size, "%04x", group);
	}
}

/* Groups as they come: with zeros in front, in capitals, with or without "::" and IPv4 behind. */
static void
spell_in6(const struct in6_addr *in6, char text[TEXT_SIZE])
{
	const size_t groups = random_once_in(2) ? 8 : 6;
	size_t used = 0;

	if (random_once_in(3)) {
		inet_ntop(AF_INET6, in6, text, INET6_ADDRSTRLEN);
		return;
	}
	for (size_t i = 0; i < groups; i++) {
		const unsigned group = (unsigned)in6->s6_addr[2 * i] << 8 | in6->s6_addr[2 * i + 1];

		used += (size_t)snprintf(text + used, TEXT_SIZE - used, "%s", i == 0 ? "" : ":");
		used += spell_group(group, text + used, TEXT_SIZE - used);
	}
	if (groups == 6)
		snprintf(text + used, TEXT_SIZE - used, ":%u.%u.%u.%u", in6->s6_addr[12],
		    in6->s6_addr[13], in6->s6_addr[14], in6->s6_addr[15]);
}

static void
spell_host(char text[TEXT_SIZE])
{
	static const char *const scopes[] = { "%1", "%lo", "%eth9", "%4294967295", "%0", "%" };
	const struct in6_addr in6 = random_in6();

	if (random_once_in(4))
		inet_ntop(AF_INET, &in6.s6_addr[12], text, INET6_ADDRSTRLEN);
	else
		spell_in6(&in6, text);
	if (random_once_in(3))
		strcat(text, scopes[random_below(sizeof(scopes) / sizeof(scopes[0]))]);
	if (random_once_in(2))
		random_edit(text, TEXT_SIZE / 2, "0123456789abcdefF:.%/[]lo ");
}

/* --- what holds for them ------------------------------------------------------------ */

/* As it stands in a log line, and in the URI of a listener there. */
static void
assert_printed_is_accepted(int seed, const struct address *address)
{
	char text[ADDRESS_TEXT_SIZE], again[ADDRESS_TEXT_SIZE], uri_text[TEXT_SIZE];
	struct address read;
	struct endpoint endpoint;
	const char *fault;

	address_format(address, text);
	snprintf(uri_text, sizeof(uri_text), "tcp://%s", text);
	fault = endpoint_parse(&endpoint, uri_text);
	ck_assert_msg(fault == NULL, "seed %d: %s: %s", seed, uri_text, fault);
	ck_assert_msg(address_parse(&read, endpoint.host, endpoint.port),
	    "seed %d: %s is refused", seed, text);
	ck_assert_msg(address_equal(address, &read), "seed %d: %s becomes %s", seed, text,
	    address_format(&read, again));
	ck_assert_str_eq(address_format(&read, again), text);
}

START_TEST(addresses)
{
	random_begin(_i);
	for (int i = 0; i < VALUES; i++) {
		const struct address address = random_address();

		assert_printed_is_accepted(_i, &address);
	}
}
END_TEST

START_TEST(texts_of_addresses)
{
	struct address address;
	char text[TEXT_SIZE];
	int taken = 0;

	random_begin(_i);
	for (int i = 0; i < VALUES; i++) {
		spell_host(text);
		if (!address_parse(&address, text, (uint16_t)random_bits()))
			continue;
		taken++;
		assert_printed_is_accepted(_i, &address);
	}
	ck_assert_int_gt(taken, VALUES / 4);
	ck_assert_int_lt(taken, VALUES);
}
END_TEST

/* What a host is written as is the same for all its spellings, and stands for what they do. */
START_TEST(hosts)
{
	char text[TEXT_SIZE], host[ADDRESS_HOST_SIZE], again[ADDRESS_HOST_SIZE];
	char right[ADDRESS_RIGHT_SIZE];
	struct address address, of_host;
	int taken = 0;

	random_begin(_i);
	for (int i = 0; i < VALUES; i++) {
		spell_host(text);
		if (!address_check_host(text, host, right))
			continue;
		taken++;
		ck_assert_msg(address_check_host(host, again, right), "seed %d: %s of %s: %s", _i,
		    host, text, right);
		ck_assert_str_eq(again, host);
		if (address_parse(&address, text, 7))
			ck_assert_msg(address_parse(&of_host, host, 7) &&
			    address_equal(&address, &of_host), "seed %d: %s of %s", _i, host, text);
		else
			ck_assert_msg(strchr(text, '%') != NULL, "seed %d: %s", _i, text);
	}
	ck_assert_int_gt(taken, VALUES / 4);
	ck_assert_int_lt(taken, VALUES);
}
END_TEST

/* What is told to be right is right: a "give X" is taken. */
START_TEST(hosts_that_are_told_to_be_right)
{
	static const char give[] = "give ", as_in[] = "as in ";
	char text[TEXT_SIZE], host[ADDRESS_HOST_SIZE], right[ADDRESS_RIGHT_SIZE];
	char after[ADDRESS_RIGHT_SIZE];
	int told = 0;

	random_begin(_i);
	for (int i = 0; i < VALUES; i++) {
		const char *advice;

		spell_host(text);
		if (address_check_host(text, host, right) || *right == '\0')
			continue;
		told++;
		advice = strstr(right, as_in) != NULL ? strstr(right, as_in) + strlen(as_in)
		                                      : strstr(right, give) + strlen(give);
		ck_assert_msg(address_check_host(advice, host, after), "seed %d: %s: %s: %s", _i,
		    text, right, after);
	}
	ck_assert_int_gt(told, VALUES / 20);
}
END_TEST

START_TEST(prefixes)
{
	char text[TEXT_SIZE], printed[PREFIX_TEXT_SIZE], again[PREFIX_TEXT_SIZE];
	char right[PREFIX_RIGHT_SIZE];
	struct prefix prefix, read;
	int taken = 0;

	random_begin(_i);
	for (int i = 0; i < VALUES; i++) {
		spell_host(text);
		if (random_once_in(2))
			snprintf(text + strlen(text), TEXT_SIZE / 4, "/%zu", random_below(130));
		if (!prefix_parse(&prefix, text, right))
			continue;
		taken++;
		prefix_format(&prefix, printed);
		ck_assert_msg(prefix_parse(&read, printed, right), "seed %d: %s of %s: %s", _i,
		    printed, text, right);
		ck_assert_msg(prefix_equal(&prefix, &read), "seed %d: %s of %s", _i, printed, text);
		ck_assert_str_eq(prefix_format(&read, again), printed);
	}
	ck_assert_int_gt(taken, VALUES / 10);
	ck_assert_int_lt(taken, VALUES);
}
END_TEST

/* All bits of a family, at each length; what is v4-mapped is none of them. */
START_TEST(prefixes_of_random_bits)
{
	char printed[PREFIX_TEXT_SIZE], right[PREFIX_RIGHT_SIZE];

	random_begin(_i);
	for (int i = 0; i < VALUES; i++) {
		const struct in6_addr in6 = random_in6();
		struct prefix prefix = { .is_ipv6 = random_once_in(2) }, read;

		prefix.length = (uint8_t)random_below((size_t)prefix_width(&prefix) + 1);
		for (int bit = 0; bit < prefix.length; bit++)
			prefix.bits[bit / 8] |= in6.s6_addr[bit / 8] & 0x80 >> bit % 8;
		if (prefix.is_ipv6 && prefix.length >= 96 && IN6_IS_ADDR_V4MAPPED(&in6))
			continue;
		prefix_format(&prefix, printed);
		ck_assert_msg(prefix_parse(&read, printed, right) && prefix_equal(&prefix, &read),
		    "seed %d: %s: %s", _i, printed, right);
	}
}
END_TEST

static void
spell_uri(char text[TEXT_SIZE])
{
	static const char *const names[] = { "localhost", "*", "echo.example.net", "fe80::1%lo" };
	char host[TEXT_SIZE];
	bool brackets;

	if (random_once_in(2))
		spell_host(host);
	else
		strcpy(host, names[random_below(sizeof(names) / sizeof(names[0]))]);
	brackets = (strchr(host, ':') != NULL) != random_once_in(10);
	snprintf(text, TEXT_SIZE, "%s://%s%.400s%s:%zu", random_once_in(2) ? "tcp" : "udp",
	    brackets ? "[" : "", host, brackets ? "]" : "", random_below(70000));
	if (random_once_in(2))
		random_edit(text, TEXT_SIZE, "0123456789abcdef:.%/[]*tcpud ");
}

START_TEST(uris)
{
	char text[TEXT_SIZE], printed[TEXT_SIZE];
	struct endpoint endpoint, read;
	int taken = 0;

	random_begin(_i);
	for (int i = 0; i < VALUES; i++) {
		const char *fault;

		spell_uri(text);
		if (endpoint_parse(&endpoint, text) != NULL)
			continue;
		taken++;
		endpoint_format(endpoint.protocol, endpoint.host, endpoint.port, printed, sizeof(printed));
		fault = endpoint_parse(&read, printed);
		ck_assert_msg(fault == NULL, "seed %d: %s of %s: %s", _i, printed, text, fault);
		ck_assert_msg(read.protocol == endpoint.protocol && read.port == endpoint.port &&
		    strcmp(read.host, endpoint.host) == 0, "seed %d: %s of %s", _i, printed, text);
	}
	ck_assert_int_gt(taken, VALUES / 4);
	ck_assert_int_lt(taken, VALUES);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("round trips");
	TCase *tests = tcase_create("round trips");

	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, addresses, 0, SEEDS);
	tcase_add_loop_test(tests, texts_of_addresses, 0, SEEDS);
	tcase_add_loop_test(tests, hosts, 0, SEEDS);
	tcase_add_loop_test(tests, hosts_that_are_told_to_be_right, 0, SEEDS);
	tcase_add_loop_test(tests, prefixes, 0, SEEDS);
	tcase_add_loop_test(tests, prefixes_of_random_bits, 0, SEEDS);
	tcase_add_loop_test(tests, uris, 0, SEEDS);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
