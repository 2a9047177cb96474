/* Addresses: text to socket address and back, and v4-mapped ones that become IPv4. */
#include <arpa/inet.h>
#include <string.h>

#include "net/address.h"
#include "runner.h"

static const struct {
	const char *host;
	uint16_t port;
	const char *text;
} round_trips[] = {
	{ "127.0.0.1", 7, "127.0.0.1:7" },
	{ "0.0.0.0", 0, "0.0.0.0:0" },
	{ "255.255.255.255", 65535, "255.255.255.255:65535" },
	{ "::1", 10000, "[::1]:10000" },
	{ "::", 7, "[::]:7" },
	{ "2001:DB8:0:0:0:0:0:1", 80, "[2001:db8::1]:80" },
	{ "fe80::1%lo", 7, "[fe80::1%lo]:7" },
	{ "fe80::1", 7, "[fe80::1]:7" },
	{ "fe80::1%1", 7, "[fe80::1%lo]:7" },
	{ "FEBF:0::0001%4294967295", 7, "[febf::1%4294967295]:7" },
	{ "ff02::1%1", 7, "[ff02::1%lo]:7" },
	{ "::192.0.2.1", 9, "[::192.0.2.1]:9" },
	{ "::ffff:192.0.2.1", 9, "192.0.2.1:9" },
	{ "::FFFF:c000:201", 9, "192.0.2.1:9" },
};

START_TEST(round_trip)
{
	struct address address;
	char text[ADDRESS_TEXT_SIZE];

	ck_assert(address_parse(&address, round_trips[_i].host, round_trips[_i].port));
	ck_assert_str_eq(address_format(&address, text), round_trips[_i].text);
	ck_assert_uint_eq(address_port(&address), round_trips[_i].port);
}
END_TEST

static const char *const no_addresses[] = {
	"", "localhost", "*", "1", "127.1", "0x7f.0.0.1", "127.0.0.1.", "256.0.0.1", "127.0.0.1:7",
	" 127.0.0.1", "[::1]", ":::", "1:2:3:4:5:6:7:8:9", "010.0.0.1",
	"::1%1", "::1%lo", "::%1", "2001:db8::1%1", "fec0::1%1", "ff05::1%1", "127.0.0.1%1",
	"::ffff:127.0.0.1%1", "fe80::1%", "fe80::1%0", "fe80::1%4294967296", "fe80::1%lo ",
	"fe80::1%nosuchinterface", "fe80::1%%lo", "%lo", "1111:1111:1111:1111:1111:1111:1111:1111:1",
};

START_TEST(none)
{
	struct address address, before;

	memset(&address, 0x55, sizeof(address));
	before = address;
	ck_assert(!address_parse(&address, no_addresses[_i], 7));
	ck_assert_mem_eq(&address, &before, sizeof(address));
}
END_TEST

/* The kernel looks at the scope of a link-local address alone. */
START_TEST(a_scope_is_dropped_where_it_means_nothing)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_scope_id = 1 };
	struct address address, plain;
	char text[ADDRESS_TEXT_SIZE];

	in6.sin6_addr = in6addr_loopback;
	address_from_sockaddr(&address, (const struct sockaddr *)&in6, sizeof(in6));
	ck_assert(address_parse(&plain, "::1", 0));
	ck_assert(address_equal(&address, &plain));
	ck_assert_str_eq(address_format(&address, text), "[::1]:0");
	ck_assert_int_eq(inet_pton(AF_INET6, "fe80::1", &in6.sin6_addr), 1);
	address_from_sockaddr(&address, (const struct sockaddr *)&in6, sizeof(in6));
	ck_assert_str_eq(address_format(&address, text), "[fe80::1%lo]:0");
}
END_TEST

static const struct {
	const char *text;
	const char *host;  /* NULL: refused */
	const char *right; /* then */
} hosts[] = {
	{ "127.0.0.1", "127.0.0.1", NULL },
	{ "0.0.0.0", "0.0.0.0", NULL },
	{ "0:0::0", "::", NULL },
	{ "2001:DB8:0:0::01", "2001:db8::1", NULL },
	{ "::ffff:192.0.2.1", "192.0.2.1", NULL },
	{ "FE80:0::1%lo", "fe80::1%lo", NULL },
	{ "fe80::1%1", "fe80::1%1", NULL },
	{ "fe80::1%not-there", "fe80::1%not-there", NULL },
	{ "ff02::1%lo", "ff02::1%lo", NULL },
	{ "::1%1", NULL, "only a link-local address has a scope: give ::1" },
	{ "::1%lo", NULL, "only a link-local address has a scope: give ::1" },
	{ "192.0.2.1%eth0", NULL, "only a link-local address has a scope: give 192.0.2.1" },
	{ "::ffff:192.0.2.1%1", NULL, "only a link-local address has a scope: give 192.0.2.1" },
	{ "FE80::1", NULL, "a link-local address needs its interface, as in fe80::1%eth0" },
	{ "ff02::1", NULL, "a link-local address needs its interface, as in ff02::1%eth0" },
	{ "fe80::1%", NULL,
	    "give the name of an interface behind the \"%\", as in fe80::1%eth0" },
	{ "fe80::1%et h", NULL,
	    "give the name of an interface behind the \"%\", as in fe80::1%eth0" },
	{ "fe80::1%sixteen-or-longer", NULL,
	    "give the name of an interface behind the \"%\", as in fe80::1%eth0" },
	{ "localhost", NULL, "" },
	{ "[::1]", NULL, "" },
	{ "", NULL, "" },
};

START_TEST(host)
{
	char text[ADDRESS_HOST_SIZE] = "untouched", right[ADDRESS_RIGHT_SIZE];
	const bool taken = address_check_host(hosts[_i].text, text, right);

	ck_assert_msg(taken == (hosts[_i].host != NULL), "%s: %s", hosts[_i].text, right);
	ck_assert_str_eq(text, taken ? hosts[_i].host : "untouched");
	if (!taken)
		ck_assert_str_eq(right, hosts[_i].right);
}
END_TEST

START_TEST(mapped_becomes_ipv4)
{
	struct sockaddr_in6 mapped = { .sin6_family = AF_INET6, .sin6_port = htons(55821) };
	struct address address, plain;

	ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr), 1);
	address_from_sockaddr(&address, (const struct sockaddr *)&mapped, sizeof(mapped));
	ck_assert_int_eq(address.sa.sa_family, AF_INET);
	ck_assert_uint_eq(address_length(&address), sizeof(struct sockaddr_in));
	ck_assert(address_parse(&plain, "127.0.0.1", 55821));
	ck_assert(address_equal(&address, &plain));
}
END_TEST

START_TEST(equality)
{
	struct address a, b;

	address_parse(&a, "::1", 7);
	address_parse(&b, "::1", 7);
	ck_assert_uint_eq(address_length(&a), sizeof(struct sockaddr_in6));
	ck_assert(address_equal(&a, &b));
	address_set_port(&b, 8);
	ck_assert(!address_equal(&a, &b));
	address_parse(&b, "::2", 7);
	ck_assert(!address_equal(&a, &b));
	address_parse(&b, "127.0.0.1", 7);
	ck_assert(!address_equal(&a, &b));
	address_parse(&a, "127.0.0.2", 7);
	ck_assert(!address_equal(&a, &b));
}
END_TEST

static const struct {
	uid_t uid;
	pid_t pid;
	const char *text;
} unix_peers[] = {
	{ 1000, 4711, "uid:1000,pid:4711" },
	{ 0, 0, "uid:0" }, /* of a process in another namespace */
	{ (uid_t)-1, INT32_MAX, "uid:4294967295,pid:2147483647" },
};

START_TEST(peers_of_unix_sockets)
{
	const struct address address =
	    address_of_unix_peer(unix_peers[_i].uid, unix_peers[_i].pid);
	char text[ADDRESS_TEXT_SIZE];

	ck_assert_str_eq(address_format(&address, text), unix_peers[_i].text);
	ck_assert_uint_eq(address_port(&address), 0);
	ck_assert(!address_is_loopback(&address) && !address_is_wildcard(&address));
}
END_TEST

START_TEST(unknown_family)
{
	const struct sockaddr unknown = { .sa_family = AF_PACKET };
	struct address address;
	char text[ADDRESS_TEXT_SIZE];

	address_from_sockaddr(&address, &unknown, sizeof(unknown));
	ck_assert_str_eq(address_format(&address, text), "unknown");
	ck_assert_uint_eq(address_port(&address), 0);
	address_set_port(&address, 7);
	ck_assert_uint_eq(address_port(&address), 0);
	ck_assert(!address_equal(&address, &address));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("address");
	TCase *tests = tcase_create("address");

	tcase_add_loop_test(tests, round_trip, 0, sizeof(round_trips) / sizeof(round_trips[0]));
	tcase_add_loop_test(tests, none, 0, sizeof(no_addresses) / sizeof(no_addresses[0]));
	tcase_add_loop_test(tests, host, 0, sizeof(hosts) / sizeof(hosts[0]));
	tcase_add_test(tests, a_scope_is_dropped_where_it_means_nothing);
	tcase_add_test(tests, mapped_becomes_ipv4);
	tcase_add_test(tests, equality);
	tcase_add_loop_test(tests, peers_of_unix_sockets, 0,
	    sizeof(unix_peers) / sizeof(unix_peers[0]));
	tcase_add_test(tests, unknown_family);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
