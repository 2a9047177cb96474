/* URIs as both commands write them. */
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
	{ "tcp://localhost:7/", "from 0 to 65535" },
	{ "tcp://localhost:000007", "from 0 to 65535" },
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

START_TEST(formats)
{
	char text[64], small[8];

	ck_assert_str_eq(endpoint_format(PROTOCOL_TCP, "127.0.0.1", 7, text, sizeof(text)),
	    "tcp://127.0.0.1:7");
	ck_assert_str_eq(endpoint_format(PROTOCOL_UDP, "::1", 65535, text, sizeof(text)),
	    "udp://[::1]:65535");
	ck_assert_str_eq(endpoint_format(PROTOCOL_UDP, "::1", 65535, small, sizeof(small)), "udp://[");
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
	tcase_add_test(tests, formats);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
