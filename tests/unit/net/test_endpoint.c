/* URIs as both commands write them. */
#include <stddef.h>
#include <string.h>

#include "net/endpoint.h"
#include "runner.h"

static const struct {
	const char *text;
	enum protocol protocol;
	const char *host;
	uint16_t port;
} good[] = {
	{ "tcp://127.0.0.1:7", PROTOCOL_TCP, "127.0.0.1", 7 },
	{ "udp://localhost:10000", PROTOCOL_UDP, "localhost", 10000 },
	{ "tcp://*:0", PROTOCOL_TCP, "*", 0 },
	{ "udp://[::1]:65535", PROTOCOL_UDP, "::1", 65535 },
	{ "tcp://[fe80::1%eth0]:7", PROTOCOL_TCP, "fe80::1%eth0", 7 },
	{ "tcp://[fe80::1%odd]name]:7", PROTOCOL_TCP, "fe80::1%odd]name", 7 },
	{ "tcp://echo.example.net:00007", PROTOCOL_TCP, "echo.example.net", 7 },
	{ "unix:/run/echod.sock", PROTOCOL_UNIX, "/run/echod.sock", 0 },
	{ "unix:echod.sock", PROTOCOL_UNIX, "echod.sock", 0 },
	{ "unix:/a:7@b", PROTOCOL_UNIX, "/a:7@b", 0 },
	{ "unix:@echo", PROTOCOL_UNIX, "@echo", 0 },
	{ "unix:///run/echod.sock", PROTOCOL_UNIX, "/run/echod.sock", 0 },
	{ "unix://///run/echod.sock", PROTOCOL_UNIX, "/run/echod.sock", 0 },
	{ "unix://@echo", PROTOCOL_UNIX, "@echo", 0 },
	{ "TCP://localhost:7", PROTOCOL_TCP, "localhost", 7 },
	{ "uDp://LOCALHOST:7/", PROTOCOL_UDP, "LOCALHOST", 7 },
	{ "tcp://[::1]:7/", PROTOCOL_TCP, "::1", 7 },
	{ "tcp://[fe80::1%25eth0]:7", PROTOCOL_TCP, "fe80::1%eth0", 7 },
	{ "tcp://[fe80::1%2525g]:7", PROTOCOL_TCP, "fe80::1%25g", 7 },
	{ "tcp://[fe80::1%25]:7", PROTOCOL_TCP, "fe80::1%25", 7 },
	{ "tcp://[fe80::1%251]:7", PROTOCOL_TCP, "fe80::1%251", 7 },
	{ "tcp://[fe80::1%2]:7", PROTOCOL_TCP, "fe80::1%2", 7 },
};

START_TEST(parses)
{
	struct endpoint endpoint;

	ck_assert_ptr_null(endpoint_parse(&endpoint, good[_i].text));
	ck_assert_int_eq(endpoint.protocol, good[_i].protocol);
	ck_assert_str_eq(endpoint.host, good[_i].host);
	ck_assert_uint_eq(endpoint.port, good[_i].port);
}
END_TEST

static const struct {
	const char *text;
	const char *fault; /* a part of what is said */
} bad[] = {
	{ "", "tcp://HOST:PORT" },
	{ "localhost:7", "tcp://HOST:PORT" },
	{ "http://localhost:7", "tcp://HOST:PORT" },
	{ "averylongscheme://localhost:7", "tcp://HOST:PORT" },
	{ "tcp://", "host is missing" },
	{ "tcp://:7", "host is missing" },
	{ "tcp://[]:7", "host is missing" },
	{ "tcp://::1:7", "in brackets" },
	{ "tcp://[localhost]:7", "brackets are for IPv6 addresses alone" },
	{ "tcp://[127.0.0.1]:7", "brackets are for IPv6 addresses alone" },
	{ "tcp://[[localhost]:7", "brackets are for IPv6 addresses alone" },
	{ "tcp://[::1:7", "lacks its \"]\"" },
	{ "tcp://localhost", "port is missing" },
	{ "tcp://[::1]", "port is missing" },
	{ "tcp://localhost:", "from 0 to 65535" },
	{ "tcp://localhost:65536", "from 0 to 65535" },
	{ "tcp://localhost:-1", "from 0 to 65535" },
	{ "tcp://localhost:7x", "from 0 to 65535" },
	{ "tcp://localhost:7//", "nothing may follow" },
	{ "tcp://localhost:7/path", "nothing may follow" },
	{ "tcp://localhost:7?query", "nothing may follow" },
	{ "tcp://localhost:7#fragment", "nothing may follow" },
	{ "tcp://localhost/", "port is missing" },
	{ "tcp://localhost/8:7", "port is missing" },
	{ "tcp://localhost/a:b:7", "port is missing" },
	{ "tcp://localhost?a:7", "port is missing" },
	{ "tcp:///:7", "host is missing" },
	{ "tcp://user@localhost:7", "no user" },
	{ "tcp://user:secret@localhost:7", "no user" },
	{ "tcp://user@[::1]:7", "no user" },
	{ "tcp://@localhost:7", "no user" },
	{ "tcp://localhost:/", "from 0 to 65535" },
	{ "tcp://localhost:65536/", "from 0 to 65535" },
	{ "TCP4://localhost:7", "tcp://HOST:PORT" },
	{ "tcp://localhost:000007", "from 0 to 65535" },
	{ "unix", "unix:PATH" },
	{ "unix:", "give a path" },
	{ "unix:@", "behind the \"@\"" },
	{ "unix:/a b", "no space" },
	{ "unix:/a\n", "no space" },
	{ "unix:/\303\244", "ASCII" },
	{ "tcp:/run/echod.sock", "unix:PATH" },
};

START_TEST(refuses)
{
	struct endpoint endpoint;
	const char *fault = endpoint_parse(&endpoint, bad[_i].text);

	ck_assert_ptr_nonnull(fault);
	ck_assert_msg(strstr(fault, bad[_i].fault) != NULL, "%s: %s", bad[_i].text, fault);
}
END_TEST

START_TEST(host_length)
{
	char text[ENDPOINT_HOST_SIZE + 32] = "tcp://";
	struct endpoint endpoint;

	memset(text + 6, 'h', ENDPOINT_HOST_SIZE - 1);
	strcpy(text + 6 + ENDPOINT_HOST_SIZE - 1, ":7");
	ck_assert_ptr_null(endpoint_parse(&endpoint, text));
	ck_assert_uint_eq(strlen(endpoint.host), ENDPOINT_HOST_SIZE - 1);
	memset(text + 6, 'h', ENDPOINT_HOST_SIZE);
	strcpy(text + 6 + ENDPOINT_HOST_SIZE, ":7");
	ck_assert_str_eq(endpoint_parse(&endpoint, text), "the host is longer than 255 characters");
}
END_TEST

/* Of an abstract name as many, behind the "@". */
START_TEST(path_length)
{
	char text[ENDPOINT_TEXT_SIZE] = "unix:";
	struct endpoint endpoint;

	for (int is_abstract = 0; is_abstract < 2; is_abstract++) {
		memset(text + 5, 'p', 108 + (size_t)is_abstract);
		text[5] = is_abstract ? '@' : '/';
		text[5 + 107 + is_abstract] = '\0';
		ck_assert_ptr_null(endpoint_parse(&endpoint, text));
		ck_assert_str_eq(endpoint.host, text + 5);
		text[5 + 107 + is_abstract] = 'p';
		text[5 + 108 + is_abstract] = '\0';
		ck_assert_ptr_nonnull(endpoint_parse(&endpoint, text));
	}
}
END_TEST

static const char *const unix_names[] = { "/run/echod.sock", "relative", "@echo", "@" };

START_TEST(names_and_sockets)
{
	char name[UNIX_NAME_SIZE];
	struct sockaddr_un address;
	const socklen_t length = unix_name_to_sockaddr(unix_names[_i], &address);

	if (unix_name_fault(unix_names[_i]) != NULL) {
		ck_assert(!unix_name_from_sockaddr(name, &address, length));
		return;
	}
	ck_assert(unix_name_from_sockaddr(name, &address, length));
	ck_assert_str_eq(name, unix_names[_i]);
	ck_assert_int_eq(address.sun_path[0] == '\0', *name == '@');
}
END_TEST

/* What others bind: no name, an abstract one with a NUL, a path like an abstract name. */
START_TEST(odd_names_of_sockets)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const socklen_t before = offsetof(struct sockaddr_un, sun_path);
	char name[UNIX_NAME_SIZE];

	ck_assert(!unix_name_from_sockaddr(name, &address, before));
	memcpy(address.sun_path, "\0a\0b", 4);
	ck_assert(!unix_name_from_sockaddr(name, &address, before + 4));
	memcpy(address.sun_path, "@a", 3);
	ck_assert(!unix_name_from_sockaddr(name, &address, before + 3));
	memset(address.sun_path, 'p', sizeof(address.sun_path));
	ck_assert(!unix_name_from_sockaddr(name, &address, sizeof(address)));
}
END_TEST

START_TEST(formats)
{
	char text[64], small[8];

	ck_assert_str_eq(endpoint_format(PROTOCOL_TCP, "127.0.0.1", 7, text, sizeof(text)),
	    "tcp://127.0.0.1:7");
	ck_assert_str_eq(endpoint_format(PROTOCOL_UDP, "::1", 65535, text, sizeof(text)),
	    "udp://[::1]:65535");
	ck_assert_str_eq(endpoint_format(PROTOCOL_UNIX, "@echo", 0, text, sizeof(text)),
	    "unix:@echo");
	ck_assert_str_eq(endpoint_format(PROTOCOL_UDP, "fe80::1%eth0", 7, text, sizeof(text)),
	    "udp://[fe80::1%eth0]:7");
	ck_assert_str_eq(endpoint_format(PROTOCOL_UDP, "fe80::1%25g", 7, text, sizeof(text)),
	    "udp://[fe80::1%2525g]:7"); /* or it would be read as "g" */
	ck_assert_str_eq(endpoint_format(PROTOCOL_UDP, "::1", 65535, small, sizeof(small)), "udp://[");
}
END_TEST

START_TEST(formats_sockets)
{
	struct address address;
	char text[ENDPOINT_SOCKET_SIZE];

	ck_assert(address_parse(&address, "::1", 7));
	ck_assert_str_eq(endpoint_format_socket(PROTOCOL_TCP, &address, false, text),
	    "tcp://[::1]:7");
	ck_assert(address_parse(&address, "::", 7));
	ck_assert_str_eq(endpoint_format_socket(PROTOCOL_UDP, &address, true, text),
	    "udp://*:7");
}
END_TEST

/* --- what a host means ---------------------------------------------------------------- */

static const struct {
	const char *text;
	const char *host; /* NULL: refused */
	const char *right; /* a part of what is said then */
} hosts[] = {
	{ "*", "*", NULL },
	{ "localhost", "localhost", NULL },
	{ "127.0.0.1", "127.0.0.1", NULL },
	{ "2001:DB8:0::1", "2001:db8::1", NULL },
	{ "::ffff:192.0.2.1", "192.0.2.1", NULL },
	{ "fe80::1%not-there", "fe80::1%not-there", NULL },
	{ "fe80::1", NULL, "needs its interface" },
	{ "::1%1", NULL, "only a link-local address has a scope: give ::1" },
	{ "", NULL, "give a numeric IPv4 or IPv6 address, \"*\" or \"localhost\"" },
	{ "LOCALHOST", NULL, "\"localhost\"" },
	{ "**", NULL, "\"*\"" },
};

START_TEST(checks_hosts)
{
	char host[ADDRESS_HOST_SIZE], right[ADDRESS_RIGHT_SIZE];
	const bool good_one = endpoint_check_host(hosts[_i].text, host, right);

	ck_assert_int_eq(good_one, hosts[_i].host != NULL);
	if (good_one)
		ck_assert_str_eq(host, hosts[_i].host);
	else
		ck_assert_msg(strstr(right, hosts[_i].right) != NULL, "%s: %s", hosts[_i].text, right);
}
END_TEST

static const struct {
	const char *host;
	const char *addresses; /* one after the other */
	bool dual_stack;
} covers[] = {
	{ "*", "[::]:7 0.0.0.0:7 ", true },
	{ "localhost", "127.0.0.1:7 [::1]:7 ", false },
	{ "::", "[::]:7 ", false },
	{ "192.0.2.1", "192.0.2.1:7 ", false },
	{ "fe80::1%not-there", "", false },
};

START_TEST(means_addresses)
{
	const struct endpoint_view view = { PROTOCOL_TCP, covers[_i].host, 7 };
	const struct endpoint_cover cover = endpoint_cover(&view);
	char seen[2 * ADDRESS_TEXT_SIZE + 4] = "", text[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < cover.count; i++) {
		strcat(seen, address_format(&cover.addresses[i], text));
		strcat(seen, " ");
	}
	ck_assert_str_eq(seen, covers[_i].addresses);
	ck_assert_int_eq(cover.dual_stack, covers[_i].dual_stack);
	ck_assert_int_eq(endpoint_is_any(covers[_i].host), covers[_i].dual_stack);
}
END_TEST

static const struct {
	const char *host;
	uint16_t port;
	const char *address; /* of a socket on port 7 */
	bool dual_stack, covered;
} sockets[] = {
	{ "*", 7, "::", true, true },
	{ "*", 7, "::", false, true },
	{ "*", 7, "0.0.0.0", false, true },
	{ "*", 7, "127.0.0.1", false, false },
	{ "*", 8, "::", true, false },
	{ "*", 0, "::", true, false },
	{ "::", 7, "::", true, false },
	{ "::", 7, "::", false, true },
	{ "0.0.0.0", 7, "::", true, false },
	{ "localhost", 7, "::1", false, true },
	{ "localhost", 7, "127.0.0.1", false, true },
	{ "localhost", 7, "127.0.0.2", false, false },
	{ "192.0.2.1", 7, "192.0.2.1", false, true },
	{ "fe80::1%not-there", 7, "::1", false, false },
};

START_TEST(covers_sockets)
{
	const struct endpoint_view view = { PROTOCOL_TCP, sockets[_i].host, sockets[_i].port };
	const bool dual_stack = sockets[_i].dual_stack;
	struct address address;

	ck_assert(address_parse(&address, sockets[_i].address, 7));
	ck_assert_int_eq(endpoint_covers(&view, PROTOCOL_TCP, &address, dual_stack),
	    sockets[_i].covered);
	ck_assert(!endpoint_covers(&view, PROTOCOL_UDP, &address, dual_stack));
}
END_TEST

static const struct {
	struct endpoint_view a, b;
	bool overlap;
} pairs[] = {
	{ { PROTOCOL_TCP, "*", 7 }, { PROTOCOL_TCP, "192.0.2.1", 7 }, true },
	{ { PROTOCOL_TCP, "*", 7 }, { PROTOCOL_UDP, "192.0.2.1", 7 }, false },
	{ { PROTOCOL_UDP, "*", 7 }, { PROTOCOL_UDP, "*", 7 }, true },
	{ { PROTOCOL_TCP, "*", 7 }, { PROTOCOL_TCP, "*", 8 }, false },
	{ { PROTOCOL_TCP, "*", 0 }, { PROTOCOL_TCP, "*", 0 }, false },
	{ { PROTOCOL_TCP, "*", 7 }, { PROTOCOL_TCP, "localhost", 7 }, true },
	{ { PROTOCOL_TCP, "::", 7 }, { PROTOCOL_TCP, "0.0.0.0", 7 }, false },
	{ { PROTOCOL_TCP, "::", 7 }, { PROTOCOL_TCP, "localhost", 7 }, true },
	{ { PROTOCOL_TCP, "::1", 7 }, { PROTOCOL_TCP, "localhost", 7 }, true },
	{ { PROTOCOL_TCP, "127.0.0.2", 7 }, { PROTOCOL_TCP, "localhost", 7 }, false },
	{ { PROTOCOL_TCP, "127.0.0.1", 7 }, { PROTOCOL_TCP, "127.0.0.1", 7 }, true },
	{ { PROTOCOL_TCP, "fe80::1%not-there", 7 }, { PROTOCOL_TCP, "fe80::1%not-there", 7 }, true },
	{ { PROTOCOL_TCP, "fe80::1%not-there", 7 }, { PROTOCOL_TCP, "fe80::1%nor-this", 7 }, false },
	{ { PROTOCOL_TCP, "fe80::1%not-there", 7 }, { PROTOCOL_TCP, "*", 7 }, true },
	{ { PROTOCOL_TCP, "fe80::1%not-there", 7 }, { PROTOCOL_TCP, "::", 7 }, true },
	{ { PROTOCOL_TCP, "fe80::1%not-there", 7 }, { PROTOCOL_TCP, "0.0.0.0", 7 }, false },
	{ { PROTOCOL_TCP, "fe80::1%not-there", 7 }, { PROTOCOL_TCP, "localhost", 7 }, false },
	{ { PROTOCOL_TCP, "fe80::1%not-there", 7 }, { PROTOCOL_TCP, "*", 8 }, false },
};

START_TEST(overlaps)
{
	ck_assert_int_eq(endpoint_overlap(&pairs[_i].a, &pairs[_i].b), pairs[_i].overlap);
	ck_assert_int_eq(endpoint_overlap(&pairs[_i].b, &pairs[_i].a), pairs[_i].overlap);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("endpoint");
	TCase *tests = tcase_create("endpoint");

	tcase_add_loop_test(tests, parses, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(tests, refuses, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tests, host_length);
	tcase_add_test(tests, path_length);
	tcase_add_loop_test(tests, names_and_sockets, 0,
	    sizeof(unix_names) / sizeof(unix_names[0]));
	tcase_add_test(tests, odd_names_of_sockets);
	tcase_add_test(tests, formats);
	tcase_add_test(tests, formats_sockets);
	tcase_add_loop_test(tests, checks_hosts, 0, sizeof(hosts) / sizeof(hosts[0]));
	tcase_add_loop_test(tests, means_addresses, 0, sizeof(covers) / sizeof(covers[0]));
	tcase_add_loop_test(tests, covers_sockets, 0, sizeof(sockets) / sizeof(sockets[0]));
	tcase_add_loop_test(tests, overlaps, 0, sizeof(pairs) / sizeof(pairs[0]));
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
